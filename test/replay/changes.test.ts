import { describe, expect, it } from 'vitest';
import { operations } from '../../src/operations/catalog.gen.js';
import { bundleFilesOf } from '../../src/policy/bundle-files.js';
import { loadFiles, type LoadedBundle } from '../../src/policy/governed/bundle-document.js';
import { redecide } from '../../src/policy/governed/redecide.js';
import { rememberSigners } from '../../src/directory/agent-signers.js';
import type { AnyRecorded } from '../../src/record/record.js';
import { createStatementVerifier } from '../../src/record/verify-statement.js';
import { assessHere } from '../support/policy-changes.js';
import { readSavedChange, savedChanges, type SavedChange } from './changes.js';

const names = await savedChanges();

/** As the record reads it: whoever signed it is asked anew. */
function recorded({ keyring, statements }: SavedChange, inForce: LoadedBundle): AnyRecorded[] {
  const signers = rememberSigners(inForce.policy.directory.agents());
  const verify = createStatementVerifier({ keyring: () => keyring, ...signers });
  return statements.map((saved) => {
    const { statement, digest } = verify(saved.kind, saved.actionId, saved.envelope);
    return { ...saved, statement, digest, body: statement.predicate.body } as AnyRecorded;
  });
}

describe('a change of policy that was decided on once is judged as it was then, by every later release', () => {
  it('of each kind', () => {
    expect(names.filter((name) => name.startsWith('rules-1-'))).toHaveLength(8);
  });

  it.each(names)('%s', async (name) => {
    const saved = await readSavedChange(name);
    const { mount, before, document, change, nowMs, flags, finding } = saved;
    const inForce = loadFiles(bundleFilesOf(before), 'of then');
    const statements = recorded(saved, inForce);
    const { flags: found } = await assessHere({ before, document, requests: null });
    expect(found.map(({ code, severity }) => ({ code, severity }))).toEqual(flags);
    const again = await redecide({ document, change }, inForce, {
      ...{ mount, operations, assess: assessHere, clock: () => nowMs },
      record: { ofAction: async (id) => (id === change ? statements : []) },
    });
    // Its words may change.
    if (finding.kind === 'unproven') expect(again.kind).toBe('unproven');
    else expect(again).toMatchObject({ kind: 'proven', bundle: { policy: { bundle: { digest: finding.digest } } } });
  });
});
