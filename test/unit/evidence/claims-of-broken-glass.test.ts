import { beforeAll, expect, test } from 'vitest';
import { judgeAgain } from '../../../src/evidence/judge-again.js';
import { judgeStatements } from '../../../src/evidence/verify-statements.js';
import type { StatementBody } from '../../../src/core/schemas/statements.js';
import { operations } from '../../../src/operations/catalog.gen.js';
import {
  honestFacts,
  lastRound,
  loadPolicy,
  MINUTE_MS,
  OPENED_AT_MS,
  statementsOf,
  type Facts,
} from '../enforcement/evidence.js';
import { breakGlass } from '../enforcement/glass-attacks.js';
import { EXAMPLE } from '../policy/bundle-folders.js';

let facts: Facts;

beforeAll(async () => {
  facts = honestFacts(await loadPolicy(EXAMPLE));
  await breakGlass(facts);
});

/** The action ran behind a glass; `change` says how its claim differs from an honest one. */
function ran(change: Partial<StatementBody<'claim'>> = {}) {
  const { actionDigest } = lastRound(facts).plan;
  const by = ['erin', 'fay'];
  const claim: StatementBody<'claim'> = {
    ...{ actionDigest, step: 'execute', attempt: 1, runId: facts.runId, approvers: by },
    ...{ breakGlass: { by, dueAtMs: OPENED_AT_MS + 86_400_000 }, claimedAtMs: OPENED_AT_MS + MINUTE_MS, ...change },
  };
  const effect = { actionDigest, step: 'execute', attempt: 1, startedAtMs: OPENED_AT_MS + 2 * MINUTE_MS };
  return statementsOf(facts, [
    { kind: 'claim', body: claim },
    { kind: 'effect', body: effect },
  ]);
}

function filledOf(recorded: ReturnType<typeof ran>) {
  const envelopes = recorded.map(({ envelope }) => envelope);
  const { checks } = judgeStatements(envelopes, { recorded, faults: [] }, { actionId: facts.actionId });
  return checks.filter(({ what }) => what.startsWith('It ran'));
}

test('what ran behind a broken glass is told so, and is no forgery', () => {
  expect(filledOf(ran())).toEqual([
    { ok: true, what: 'It ran because erin and fay broke the glass, as its plan lets them' },
  ]);
});

test.each<[string, Partial<StatementBody<'claim'>>]>([
  ['of another run', { runId: 'another' }],
  ['by others than who decided', { breakGlass: { by: ['ben', 'carol'], dueAtMs: OPENED_AT_MS } }],
  ['by one of them alone', { breakGlass: { by: ['erin'], dueAtMs: OPENED_AT_MS } }],
  ['of another attempt', { attempt: 2 }],
])('a claim %s makes nothing right', (_, change) => {
  expect(filledOf(ran(change))).toEqual([
    { ok: false, what: 'It ran because the glass was broken, by people of whom no decision here says so' },
  ]);
});

test('who broke the glass is judged again by the decisions', async () => {
  const policies = new Map([[lastRound(facts).plan.policy.digest, facts.policy]]);
  const again = (change: Partial<StatementBody<'claim'>> = {}) =>
    judgeAgain({ recorded: ran(change), policies, operations });
  expect(await again()).toMatchObject({ ok: true });
  expect(await again({ breakGlass: { by: ['ben', 'erin'], dueAtMs: OPENED_AT_MS } })).toEqual({
    ok: false,
    what: 'Who broke the glass, by the statements, is not what the executor claimed',
  });
});
