import { z } from 'zod';
import type { Loaded } from '../directory/load-directory.js';
import { targetSchema, type Target } from '../directory/targets.js';
import { readYaml, type Problem, type SourceFile, type YamlSource } from '../directory/yaml-source.js';

const targetsFileSchema = z.strictObject({ targets: z.array(targetSchema).min(1).max(1_000) });

type TargetsFile = z.infer<typeof targetsFileSchema>;
type Checked = YamlSource<TargetsFile>;

export interface LoadedTargets {
  targets: Target[];
  /** A problem at the line of a field of one target. */
  problem(index: number, field: readonly PropertyKey[], message: string): Problem;
}

/** Reads `targets.yaml`. Never throws for what the file holds. */
export function loadTargets(source: SourceFile): Loaded<LoadedTargets> {
  const yaml = readYaml(source, targetsFileSchema);
  const file = yaml.value;
  if (file === null) return { ok: false, problems: yaml.problems };
  const problems = [
    ...checkUnique(file, yaml),
    ...file.targets.flatMap((target, index) => checkOne(target, index, yaml)),
  ];
  if (problems.length > 0) return { ok: false, problems };
  return {
    ok: true,
    value: {
      targets: file.targets,
      problem: (index, field, message) => yaml.problem(['targets', index, ...field], message),
    },
  };
}

function checkOne(target: Target, index: number, yaml: Checked): Problem[] {
  const problem = (field: string[], message: string): Problem => yaml.problem(['targets', index, ...field], message);
  const problems: Problem[] = [];
  if (target.tls === 'disable' && !isLoopback(target.host)) {
    problems.push(
      problem(
        ['tls'],
        `target "${target.name}" disables TLS for host "${target.host}", which is not loopback: write verify-full`,
      ),
    );
  }
  // `from` after `to` means hours across midnight.
  if (target.hours.from === target.hours.to) {
    problems.push(
      problem(
        ['hours', 'to'],
        `target "${target.name}": business hours from ${String(target.hours.from)} to ${String(target.hours.to)} hold no hour: write 0 to 24 for all`,
      ),
    );
  }
  if (!isTimeZone(target.hours.timeZone)) {
    problems.push(
      problem(
        ['hours', 'timeZone'],
        `target "${target.name}": "${target.hours.timeZone}" is not an IANA time zone, e.g. Europe/Berlin`,
      ),
    );
  }
  for (const [position, name] of target.allowedFunctions.entries()) {
    if (/^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$/.test(name)) continue;
    problems.push(
      yaml.problem(
        ['targets', index, 'allowedFunctions', position],
        `target "${target.name}": "${name}" must be schema.function in lower case, e.g. public.mask_email`,
      ),
    );
  }
  return problems;
}

function checkUnique(file: TargetsFile, yaml: Checked): Problem[] {
  const problems: Problem[] = [];
  const names = new Map<string, string>();
  const databases = new Map<string, string>();
  const roles = new Map<string, string>();
  for (const [index, target] of file.targets.entries()) {
    if (names.has(target.name)) {
      problems.push(yaml.problem(['targets', index, 'name'], `target "${target.name}" is listed twice: remove one`));
      continue;
    }
    names.set(target.name, target.name);
    // One database under two names could be asked for under the laxer one.
    const database = `${target.host.toLowerCase()}:${String(target.port)}/${target.database}`;
    const twin = databases.get(database);
    if (twin === undefined) databases.set(database, target.name);
    else {
      problems.push(
        yaml.problem(
          ['targets', index, 'database'],
          `target "${target.name}" is the same database as "${twin}" (${database}): a database is one target in one environment`,
        ),
      );
    }
    for (const field of ['previewRole', 'executeRole'] as const) {
      const role = `${target.vault.mount}/${target.vault[field]}`;
      const holder = roles.get(role);
      if (holder !== undefined && holder !== target.name) {
        problems.push(
          yaml.problem(
            ['targets', index, 'vault', field],
            `target "${target.name}" uses the Vault role ${role} of target "${holder}": each target needs roles of its own`,
          ),
        );
      }
      roles.set(role, holder ?? target.name);
    }
  }
  return problems;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
