import { createFreezing } from '../../../src/channels/freezing.js';
import { createUnfreezing } from '../../../src/channels/unfreezing.js';
import type { Refusal } from '../../../src/core/errors.js';
import { digestOf } from '../../../src/core/json.js';
import type { FreezeScope } from '../../../src/core/schemas/statements.js';
import { operations } from '../../../src/operations/catalog.gen.js';
import type { Policy } from '../../../src/policy/policy.js';
import { scopeOf, wordOfScope } from '../../../src/record/freezes.js';
import { allOf, type AnyDraft, type AnyRecorded } from '../../../src/record/record.js';

/** Freezing and unfreezing over a record in memory, which keeps what has a key once, as the real one does. */
export function freezingOver(policy: Policy, recorded: AnyRecorded[] = []) {
  const refused: string[] = [];
  const appended: AnyDraft[] = [];
  const clock = { nowMs: 42 };
  const append = async (drafts: readonly AnyDraft[]): Promise<AnyRecorded[]> =>
    drafts.map((draft) => {
      appended.push(draft);
      const known = recorded.find(
        ({ kind, key, actionId }) => kind === draft.kind && key === draft.key && actionId === draft.actionId,
      );
      if (known !== undefined) return known;
      const { kind, actionId, body, key = null } = draft;
      const statement = { subject: [{ name: '', digest: { sha256: draft.requestDigest } }] };
      const digest = digestOf({ kind, actionId, body, number: recorded.length });
      const made = { sequence: recorded.length + 1, kind, actionId, body, key, digest, statement, recordedAtMs: 0 };
      recorded.push(made as unknown as AnyRecorded);
      return recorded.at(-1) as AnyRecorded;
    });
  const freezesOf = async (scopes: readonly FreezeScope[]): Promise<AnyRecorded[]> => {
    const words = scopes.map(wordOfScope);
    const found = allOf(recorded, 'freeze').filter(({ body }) => words.includes(wordOfScope(scopeOf(body))));
    return recorded.filter(
      (one) =>
        found.some(({ digest }) => digest === one.digest) ||
        (one.kind === 'unfreeze' && found.some(({ digest }) => digest === one.body.freeze)),
    );
  };
  const options = {
    policy: () => policy,
    record: { freezesOf, newestFreezes: async () => ({ statements: recorded, unreadable: [] }), append },
    operations,
    refusals: {
      put: async ({ code }: Refusal, { who }: { who: string | null }) => void refused.push(`${code} ${who ?? ''}`),
    },
    clock: () => clock.nowMs,
  };
  const personOf = (id: string) => {
    const person = policy.directory.person(id);
    if (person === undefined) throw new Error(`there is no ${id}`);
    return { person, via: { channel: 'api', subject: id } };
  };
  const freezing = createFreezing(options);
  const unfreezing = createUnfreezing(options);
  return {
    recorded,
    appended,
    refused,
    list: async () => (await freezing.list()).freezes,
    freeze: (id: string, scope: FreezeScope, reason = 'It leaks.') =>
      freezing.freeze({ scope, reason, ...personOf(id) }),
    unfreeze: (id: string, scope: FreezeScope, reason = 'Looked at.') =>
      unfreezing.unfreeze({ scope, reason, ...personOf(id) }),
  };
}
