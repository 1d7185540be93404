import { describe, expect, test } from 'vitest';
import type { StatementBody } from '../../../src/core/schemas/statements.js';
import { viewAction, type ActionView } from '../../../src/record/action-view.js';
import {
  approve,
  honestFacts,
  lastRound,
  loadPolicy,
  MINUTE_MS,
  OPENED_AT_MS,
  renameAll,
  statementsOf,
  type AnyBody,
  type Facts,
} from '../enforcement/evidence.js';
import { EXAMPLE } from '../policy/bundle-folders.js';

const example = await loadPolicy(EXAMPLE);
const AT_MS = OPENED_AT_MS + 2 * MINUTE_MS;

function viewOf(change: (facts: Facts) => void, more: (facts: Facts) => AnyBody[]): ActionView {
  const facts = honestFacts(example);
  change(facts);
  const view = viewAction(statementsOf(facts, more(facts)));
  if (view === undefined) throw new Error('there is no view');
  return view;
}
const asItIs = (): void => undefined;

function claim(facts: Facts, breakGlass?: StatementBody<'claim'>['breakGlass']): AnyBody {
  const { actionDigest } = facts.rounds[0].plan;
  const about = { actionDigest, step: 'execute', attempt: 1, runId: facts.runId, approvers: ['ben'] };
  const body = { ...about, ...(breakGlass !== undefined && { breakGlass }), claimedAtMs: AT_MS };
  return { kind: 'claim', body };
}

describe('a broken glass', () => {
  const breakGlass = { stages: [{ group: 'security', quorum: 2 }], leaseTtlSeconds: 60, reviewWithinMs: 60_000 };
  const offer = (facts: Facts): void => {
    const { plan } = lastRound(facts);
    plan.plan = { ...plan.plan, breakGlass };
    lastRound(facts).decisions = [];
    renameAll(facts);
  };
  const breaks = { breakGlass: true, reason: 'The shop is down.' } as const;
  const brokenBy =
    (...people: string[]) =>
    (facts: Facts) => {
      offer(facts);
      for (const person of people) approve(facts, person, breaks);
    };
  const broken = (facts: Facts): AnyBody => claim(facts, { by: ['erin', 'fay'], dueAtMs: AT_MS + 9 });
  const review = (facts: Facts, change: Partial<StatementBody<'retrospective'>['by']> = {}): AnyBody => {
    const stated = statementsOf(facts, [broken(facts)]).at(-1);
    const by = { person: 'carol', groups: ['dba'], ...change };
    const via = { channel: 'api', subject: by.person };
    const said = { verdict: 'justified' as const, reason: 'It was.', by, via, reviewedAtMs: AT_MS + 1 };
    return { kind: 'retrospective', body: { claim: stated?.digest ?? '', ...said } };
  };

  test.each<[string, (facts: Facts) => void, (facts: Facts) => AnyBody[], object]>([
    ['is nothing that the plan does not offer', asItIs, () => [], { state: 'approved', breakGlass: null }],
    ['is offered', offer, () => [], { state: 'waiting', breakGlass: { state: 'offered', by: [], debt: null } }],
    [
      'waits for the second',
      brokenBy('erin'),
      () => [],
      { state: 'waiting', breakGlass: { state: 'offered', open: [{ group: 'security', places: 1 }] } },
    ],
    [
      'is broken by two',
      brokenBy('erin', 'fay'),
      () => [],
      { state: 'approved', breakGlass: { state: 'broken', open: [] } },
    ],
    [
      'is not broken where the stages are filled besides',
      brokenBy('erin', 'fay', 'ben'),
      (facts) => [claim(facts)],
      { state: 'running', breakGlass: { state: 'offered', debt: null } },
    ],
    [
      'is owed for once it was claimed',
      brokenBy('erin', 'fay'),
      (facts) => [broken(facts)],
      {
        state: 'running',
        breakGlass: { state: 'owed', debt: { open: ['dba'], dueAtMs: AT_MS + 9, by: ['erin', 'fay'] } },
      },
    ],
    [
      'is not paid by who broke it',
      brokenBy('erin', 'fay'),
      (facts) => [broken(facts), review(facts, { person: 'fay' })],
      { breakGlass: { state: 'owed', debt: { retrospectives: [] } } },
    ],
    [
      'is paid by a member of its stage',
      brokenBy('erin', 'fay'),
      (facts) => [broken(facts), review(facts)],
      {
        breakGlass: { state: 'paid', debt: { open: [], retrospectives: [{ person: 'carol', verdict: 'justified' }] } },
      },
    ],
  ])('%s', (_, change, more, expected) => {
    expect(viewOf(change, more)).toMatchObject(expected);
  });
});
