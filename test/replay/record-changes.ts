import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, it } from 'vitest';
import type { ProcessName } from '../../src/core/schemas/statements.js';
import { operations } from '../../src/operations/catalog.gen.js';
import { packBundle, textsOf, type LoadedBundle } from '../../src/policy/governed/bundle-document.js';
import { redecide, type Finding } from '../../src/policy/governed/redecide.js';
import { RULES_VERSION } from '../../src/policy/governed/rules-version.js';
import { becomeAll, installForTest, type TestInstallation, type TestProcess } from '../support/installation.js';
import { after, assessHere, authorsTexts, bundleOf, recordChange, type Twist } from '../support/policy-changes.js';
import { changeFile, type SavedChange } from './changes.js';

let installation: TestInstallation;
let processes: Record<ProcessName, TestProcess>;
let before: LoadedBundle;

beforeAll(async () => {
  installation = await installForTest();
  processes = await becomeAll(installation);
  before = bundleOf(await authorsTexts(installation), 1, null);
});
afterAll(() => installation.close());

const EXPORTS = 'database-export.cedar';
type Edit = readonly [file: string, old: string, now: string];
const loosened: Edit = [EXPORTS, '@review("dba:1 & data-owner:1")', '@review("dba:1")'];
const renewed: Edit = ['directory.yaml', 'email: gus@example.com', 'email: gus.new@example.com'];

const CHANGES: readonly (readonly [name: string, edit: Edit, twist: Twist])[] = [
  ['tightened', [EXPORTS, '@review("dba:1")\n@escalate', '@review("dba:2")\n@escalate'], { approvers: ['erin'] }],
  ['loosened', loosened, {}],

  ['loosened-by-one', loosened, { approvers: ['erin'] }],
  ['loosened-called-tightened', loosened, { approvers: ['erin'], flags: [] }],
  ['other-groups', ['directory.yaml', 'security: [erin, fay]', 'security: [erin, fay, gus]'], {}],
  ['other-person', renewed, {}],
  ['other-expiry', [EXPORTS, '@expire("2h")', '@expire("12h")'], { approvers: ['erin', 'fay'] }],
  ['reworded', [EXPORTS, '@id("', '// In other words.\n@id("'], { approvers: ['erin'] }],
];

it.each<readonly [string, Edit, Twist]>(CHANGES)('%s', async (name, [file, old, now], twist) => {
  const saving = changeFile(`rules-${String(RULES_VERSION)}-${name}`);
  // What was saved once is never saved again.
  if (existsSync(saving)) return;
  const next = after(before, file, old, now);
  const change = await recordChange(installation, processes, [before, next], { rules: RULES_VERSION, ...twist });
  const { record } = processes.gateway;
  const nowMs = Date.now();
  const candidate = { document: packBundle(next.files), change };
  const mount = installation.vault.mounts.policy;
  const options = { record, operations, mount, assess: assessHere, clock: () => nowMs };
  const assessed = await assessHere({ before: textsOf(before.files), document: candidate.document, requests: null });
  const saved: SavedChange = {
    ...{ mount, keyring: installation.keys, before: textsOf(before.files), ...candidate, nowMs },
    statements: (await record.ofAction(change)).map(({ sequence, kind, actionId, key, recordedAtMs, envelope }) => ({
      ...{ sequence, kind, actionId, key, recordedAtMs, envelope },
    })),
    flags: assessed.flags.map(({ code, severity }) => ({ code, severity })),
    finding: findingOf(await redecide(candidate, before, options)),
  };
  await mkdir(new URL('.', saving), { recursive: true });
  await writeFile(saving, `${JSON.stringify(saved)}\n`);
});

function findingOf(finding: Finding): SavedChange['finding'] {
  if (finding.kind === 'pending') throw new Error('it is not finished');
  if (finding.kind === 'unproven') return finding;
  return { kind: 'proven', digest: finding.bundle.policy.bundle.digest };
}
