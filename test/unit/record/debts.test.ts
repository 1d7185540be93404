import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/core/json.js';
import type { StatementBody } from '../../../src/core/schemas/statements.js';
import { debtOf } from '../../../src/record/debts.js';
import type { AnyRecorded } from '../../../src/record/record.js';
import {
  ACTION_ID,
  OPENED_AT_MS,
  honestFacts,
  loadPolicy,
  statementsOf,
  type AnyBody,
} from '../enforcement/evidence.js';
import { EXAMPLE } from '../policy/bundle-folders.js';

const facts = honestFacts(await loadPolicy(EXAMPLE));
const { plan } = facts.rounds[0];

const claimOf = (attempt: number, by: string[]): StatementBody<'claim'> => ({
  actionDigest: plan.actionDigest,
  step: 'execute',
  attempt,
  runId: 'run',
  approvers: by,
  breakGlass: { by, dueAtMs: OPENED_AT_MS + 86_400_000 },
  claimedAtMs: OPENED_AT_MS + attempt,
});

const reviewOf = (claim: string, person: string): AnyBody => ({
  kind: 'retrospective',
  body: {
    claim,
    verdict: 'justified',
    reason: 'Nothing had run.',
    by: { person, groups: ['dba'] },
    via: { channel: 'api', subject: person },
    reviewedAtMs: OPENED_AT_MS + 10,
  },
});

/** On record: the action, a claim behind a glass that erin and fay broke, and then more. */
function recorded(more: (claim: string) => AnyBody[]): AnyRecorded[] {
  const first: AnyBody = { kind: 'claim', body: claimOf(1, ['erin', 'fay']) };
  const claim = statementsOf(facts, [first]).at(-1)?.digest ?? '';
  return statementsOf(facts, [first, ...more(claim)]);
}

describe('a debt of one action', () => {
  test('holds: it is open until a DBA who did not break the glass has looked', () => {
    expect(debtOf(recorded(() => []))?.open).toEqual(['dba']);
    expect(debtOf(recorded((claim) => [reviewOf(claim, 'ben')]))?.open).toEqual([]);
    expect(debtOf(recorded((claim) => [reviewOf(claim, 'erin')]))?.open).toEqual(['dba']);
  });

  // The target changed under the first attempt (review_again): the glass is broken anew in round 2, by others.
  test('is paid by nobody who broke the glass in a later round', () => {
    const statements = recorded((claim) => [
      { kind: 'claim', body: claimOf(2, ['ben', 'carol']) },
      reviewOf(claim, 'carol'),
    ]);
    expect(debtOf(statements)?.open).toEqual(['dba']);
  });

  // Reviewed while nothing had run; then the glass is broken again, and now it runs.
  test('is not paid ahead for what runs behind a glass that is broken afterwards', () => {
    const statements = recorded((claim) => [
      reviewOf(claim, 'carol'),
      { kind: 'claim', body: claimOf(2, ['erin', 'fay']) },
    ]);
    expect(debtOf(statements)?.open).toEqual(['dba']);
  });

  // Whoever holds the worker's key states plans, at any time; the claim names the snapshot, and the snapshot the plan.
  test.each<[string, Partial<StatementBody<'plan'>>]>([
    ['asks nobody', { plan: { ...plan.plan, stages: [] } }],
    ['asks a group of the forger', { plan: { ...plan.plan, stages: [{ group: 'platform', quorum: 1 }] } }],
  ])(
    'is still owed by the plan that was claimed when the worker states another under its digest that %s',
    (_, change) => {
      const statements = recorded(() => [{ kind: 'plan', body: { ...plan, ...change } }]);
      expect(digestOf({ ...plan.plan, ...change.plan })).not.toBe(plan.snapshot.planDigest);
      expect(debtOf(statements)).toMatchObject({ actionId: ACTION_ID, open: ['dba'] });
    },
  );

  test('bars whom the plan barred that was claimed, whatever the worker states of it afterwards', () => {
    const barring: StatementBody<'plan'> = { ...plan, barred: [{ person: 'carol', because: 'owner of the agent' }] };
    const first: AnyBody = { kind: 'claim', body: claimOf(1, ['erin', 'fay']) };
    const before = honestFacts(facts.policy);
    before.rounds[0].plan = barring;
    const claim = statementsOf(before, [first]).at(-1)?.digest ?? '';
    const paid = (more: AnyBody[]) => debtOf(statementsOf(before, [first, ...more]))?.open;
    expect(paid([reviewOf(claim, 'carol')])).toEqual(['dba']);
    expect(paid([{ kind: 'plan', body: { ...barring, barred: [] } }, reviewOf(claim, 'carol')])).toEqual(['dba']);
  });

  test('bars a breaker by whichever of their accounts they look', () => {
    const human = (person: string): string => (person === 'erin-admin' ? 'erin' : person);
    const statements = recorded((claim) => [reviewOf(claim, 'erin-admin')]);
    expect(debtOf(statements, human)).toMatchObject({ open: ['dba'], retrospectives: [] });
  });

  test('is of the newest claim by the number that the executor signed, wherever its row stands', () => {
    const numbered = (attempt: number, number: number): AnyRecorded => {
      const one = statementsOf(facts, [{ kind: 'claim', body: claimOf(attempt, ['erin', 'fay']) }]).at(-1);
      if (one === undefined) throw new Error('there is no claim');
      const chain = { process: 'executor' as const, number, previous: digestOf('') };
      const { statement } = one;
      return { ...one, statement: { ...statement, predicate: { ...statement.predicate, chain } } } as AnyRecorded;
    };
    const [first, second] = [numbered(1, 1), numbered(2, 2)];
    expect(debtOf([...statementsOf(facts), second, first])?.claim).toBe(second.digest);
  });

  test('of which no plan is the one that was claimed is open for nobody knows whom', () => {
    const statements = recorded((claim) => [reviewOf(claim, 'ben')]);
    expect(debtOf(statements.filter(({ kind }) => kind !== 'plan'))?.open).toEqual(['unknown']);
  });
});
