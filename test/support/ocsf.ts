import { execFileSync } from 'node:child_process';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { locateOcsf } from '../../apps/devstack/services/executables.js';

// What OCSF publishes, made JSON Schema by a package that is not ours.
const PROGRAM = `
import json, sys
from ocsf_json_schema import get_ocsf_schema, OcsfJsonSchemaEmbedded
schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version='1.8.0'))
classes = {uid: schema.lookup_class_name_from_uid(int(uid)) for uid in sys.argv[1:]}
json.dump({uid: schema.get_class_schema(name, ['security_control']) for uid, name in classes.items()}, sys.stdout)
`;

/** Makes the judge of events of these classes, all with the profile that ours have. */
export function createOcsfJudge(classUids: readonly number[]): (event: { class_uid: number }) => string[] {
  const text = execFileSync('python3', ['-c', PROGRAM, ...classUids.map(String)], {
    env: { PATH: process.env['PATH'] ?? '', PYTHONPATH: locateOcsf(), PYTHONDONTWRITEBYTECODE: '1' },
    maxBuffer: 64 * 1_024 * 1_024,
  }).toString();
  const validators = new Map(
    Object.entries(JSON.parse(text) as Record<string, object>).map(([uid, schema]): [number, ValidateFunction] => [
      Number(uid),
      new Ajv2020({ strict: false, allErrors: true }).compile(schema),
    ]),
  );
  return (event) => {
    const validate = validators.get(event.class_uid);
    if (validate === undefined) return [`class ${String(event.class_uid)} is none of those that are judged`];
    if (validate(event)) return [];
    return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath}: ${message ?? ''}`);
  };
}
