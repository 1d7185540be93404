import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { emptyFolder, EXAMPLE, problemsOf } from './bundle-folders.js';

// What policies/README.md says to take for each operation.
test.each([
  ['database-export.cedar', 'postgres'],
  ['database-grant.cedar', 'postgres'],
  ['vault-policy.cedar', 'vault'],
  ['ssh-command.cedar', 'ssh-host'],
  ['infra-apply.cedar', 'infra'],
  ['aws-iam-policy.cedar', 'aws'],
])('of the example %s stands alone, with the targets of its kind', async (file, kind) => {
  const folder = await emptyFolder();
  for (const name of ['bundle.yaml', 'schema.cedarschema', 'directory.yaml', 'approvals.cedar', file])
    await cp(join(EXAMPLE, name), join(folder, name));
  const { targets } = parse(await readFile(join(EXAMPLE, 'targets.yaml'), 'utf8')) as { targets: { kind: string }[] };
  await writeFile(
    join(folder, 'targets.yaml'),
    stringify({ targets: targets.filter((target) => target.kind === kind) }),
  );
  expect(await problemsOf(folder)).toEqual([]);
});
