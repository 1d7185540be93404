import { expect, it } from 'vitest';
import { compareBundles } from '../../../src/policy/compare/compare-bundles.js';
import { changeFlags } from '../../../src/policy/governed/change-flags.js';
import { editedExample } from './compare/comparable.js';
import type { Edit } from './bundle-folders.js';

const DIRECTORY = 'directory.yaml';

it.each<[string, Edit]>([
  [
    'somebody else signs in as one of its reviewers',
    { file: DIRECTORY, from: 'email: gus@example.com', to: 'email: mallory@example.com' },
  ],
  [
    'somebody stands in for one of its reviewers',
    {
      file: DIRECTORY,
      from: '\nunfreeze: incident-lead',
      to: '\ndelegations:\n  - { from: gus, to: ben, begins: 2026-01-01T00:00:00Z, ends: 2026-02-01T00:00:00Z }\nunfreeze: incident-lead',
    },
  ],
])(
  'that %s changes who decides on policy itself',
  async (_, edit) => {
    const loaded = async (edits: readonly Edit[]) => ({ ...(await editedExample(edits)), previous: null });
    const [before, after] = [await loaded([]), await loaded([edit])];
    const files = (side: typeof before) => ({ ...side, files: new Map(side.files) });
    const flags = changeFlags(compareBundles(before, after), files(before), files(after));
    expect(flags.map(({ code }) => code)).toContain('governance_changed');
  },
  30_000,
);
