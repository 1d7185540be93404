import { describe, expect, test } from 'vitest';
import { riskOf, viewAction, type ActionView } from '../../../src/record/action-view.js';
import {
  approve,
  escalate,
  honestFacts,
  lastRound,
  loadPolicy,
  MINUTE_MS,
  OPENED_AT_MS,
  planRound,
  renameAll,
  statementsOf,
  type AnyBody,
  type Facts,
} from '../enforcement/evidence.js';
import type { AnyRecorded } from '../../../src/record/record.js';
import { EXAMPLE } from '../policy/bundle-folders.js';
import { incident } from '../enforcement/effect-fixture.js';

const example = await loadPolicy(EXAMPLE);
const AT_MS = OPENED_AT_MS + 2 * MINUTE_MS;

function viewOf(
  change: (facts: Facts) => void,
  more: (facts: Facts) => AnyBody[] = () => [],
  store: (statements: AnyRecorded[]) => AnyRecorded[] = (statements) => statements,
): ActionView {
  const facts = honestFacts(example);
  change(facts);
  const view = viewAction(store(statementsOf(facts, more(facts))));
  if (view === undefined) throw new Error('there is no view');
  return view;
}
const asItIs = (): void => undefined;

const claim = (facts: Facts): AnyBody => ({
  kind: 'claim',
  body: {
    actionDigest: facts.rounds[0].plan.actionDigest,
    step: 'execute',
    attempt: 1,
    runId: facts.runId,
    approvers: ['ben'],
    claimedAtMs: AT_MS,
  },
});
const lease = (purpose: 'preview' | 'execute', accessor: string): AnyBody => ({
  kind: 'lease',
  body: { purpose, accessor, tokenRole: 'orders-execute', ttlSeconds: 300, runId: 'run', leasedAtMs: AT_MS },
});
const credential = (accessor: string): AnyBody => ({
  kind: 'credential',
  body: { accessor, leaseId: 'l', vaultRole: 'orders-execute', username: 'v-01m', target: 'orders', issuedAtMs: AT_MS },
});
const proofs = [{ asked: 'vault: lookup', answer: 'unknown' }];
const revocation = (accessor: string): AnyBody => ({
  kind: 'revocation',
  body: { accessor, proofs, revokedAtMs: AT_MS + 1 },
});
const outcome = { status: 'succeeded', code: 'succeeded', message: 'The operation ran to its end.' } as const;
const result: AnyBody = {
  kind: 'result',
  body: { step: 'execute', outcome, findings: [], finishedAtMs: AT_MS },
};
const receipt = (closing: boolean): AnyBody => ({
  kind: 'receipt',
  body: {
    actionDigest: null,
    outcome,
    lease: closing ? 'revoked' : 'open',
    approvers: ['ben'],
    statements: [],
    closing,
    concludedAtMs: AT_MS,
  },
});

function reopen(facts: Facts): void {
  facts.rounds.push(planRound(facts.policy, facts.request, 2));
}

describe('the state of an action', () => {
  test.each<[string, ActionView['state'], (facts: Facts) => void, (facts: Facts) => AnyBody[]]>([
    ['its review is open', 'waiting', (facts) => (lastRound(facts).decisions = []), () => []],
    ['its plan is filled', 'approved', asItIs, () => []],
    ['the executor has claimed it', 'running', asItIs, (facts) => [claim(facts)]],
    ['its result is on record', 'running', asItIs, (facts) => [claim(facts), result]],
    ['its receipt is on record', 'done', asItIs, () => [receipt(false)]],
    [
      'another version of it was claimed before the review reopened',
      'waiting',
      (facts) => {
        reopen(facts);
        lastRound(facts).preview.preview.estimate = { rows: 200 };
        renameAll(facts);
      },
      (facts) => [claim(facts)],
    ],
    ['its review reopened under the same digest', 'waiting', reopen, () => []],
  ])('when %s: %s', (_, state, change, more) => {
    expect(viewOf(change, more).state).toBe(state);
  });

  test('is “preparing” while only the request is on record, and nothing without one', () => {
    const [request, preview] = statementsOf(honestFacts(example));
    if (request === undefined || preview === undefined) throw new Error('there are too few statements');
    expect(viewAction([])).toBeUndefined();
    expect(viewAction([preview])).toBeUndefined();
    expect(viewAction([request])).toMatchObject({
      state: 'preparing',
      target: null,
      preview: null,
      plan: null,
      actionDigest: null,
      quorum: null,
      round: 1,
      risk: 'info',
      expiresAtMs: OPENED_AT_MS + 180 * MINUTE_MS,
      lease: 'none',
      outcome: null,
    });
    expect(viewAction([request, preview])).toMatchObject({
      state: 'preparing',
      plan: null,
      target: { name: 'orders' },
    });
  });
});

describe('the decisions of an action', () => {
  test.each<[string, (facts: Facts) => void, [string, boolean][], string]>([
    ['an approval', asItIs, [['ben', true]], ''],
    [
      'a denial, which fills no place',
      (facts) => {
        lastRound(facts).decisions = [];
        approve(facts, 'carol', { decision: 'deny' });
      },
      [['carol', true]],
      'dba:1',
    ],
    [
      'an approval of another digest',
      (facts) => {
        lastRound(facts).decisions = [];
        approve(facts, 'ben', { actionDigest: 'f'.repeat(64) });
      },
      [['ben', false]],
      'dba:1',
    ],
    [
      'one of each round, of the same digest',
      (facts) => {
        reopen(facts);
        approve(facts, 'carol');
      },
      [
        ['ben', false],
        ['carol', true],
      ],
      '',
    ],
    [
      'one of a group that was escalated to',
      (facts) => {
        lastRound(facts).decisions = [];
        approve(facts, 'dave');
        escalate(facts);
      },
      [['dave', true]],
      '',
    ],
    [
      'one of a group that was escalated to in the round before',
      (facts) => {
        escalate(facts);
        reopen(facts);
        approve(facts, 'dave');
      },
      [
        ['ben', false],
        ['dave', true],
      ],
      'dba:1',
    ],
  ])('%s', (_, change, decisions, open) => {
    const view = viewOf(change);
    expect(view.decisions.map(({ person, current }) => [person, current])).toEqual(decisions);
    expect(view.quorum?.open.map(({ group, places }) => `${group}:${String(places)}`).join(' ')).toBe(open);
  });
});

describe('after a reset', () => {
  /** As the worker stores plans: under `<run>/<round>`. */
  const keyedBy = (runs: readonly string[]) => (statements: AnyRecorded[]) => {
    const left = [...runs];
    return statements.map((each) => (each.kind === 'plan' ? { ...each, key: `${left.shift() ?? ''}/1` } : each));
  };
  const planAgain = (facts: Facts): void => {
    facts.rounds.push(planRound(facts.policy, facts.request, 1));
  };
  const twoPlaces = (facts: Facts): void => {
    const [stage] = lastRound(facts).plan.plan.stages;
    if (stage === undefined) throw new Error('the plan has no stage');
    stage.quorum = 2;
    renameAll(facts);
  };

  test('to the very beginning, the new plan waits for all of its people again', () => {
    const view = viewOf(planAgain, () => [], keyedBy(['run-1', 'run-2']));
    expect(view.decisions.map(({ current }) => current)).toEqual([false]);
    expect(view).toMatchObject({ state: 'waiting', quorum: { filled: false } });
  });

  test('the same plan twice by one run takes nothing away', () => {
    const { runId } = honestFacts(example);
    expect(viewOf(planAgain, () => [], keyedBy([runId, runId]))).toMatchObject({ state: 'approved' });
  });

  test.each<[string, ActionView['state'], string, [string, boolean][]]>([
    [
      'to the open review, approvals of the old run fill no place beside those of the new',
      'waiting',
      'run-2',
      [
        ['ben', false],
        ['carol', true],
      ],
    ],
    [
      'approvals of one run fill the plan together',
      'approved',
      'same',
      [
        ['ben', true],
        ['carol', true],
      ],
    ],
  ])('%s', (_, state, run, decisions) => {
    const view = viewOf((facts) => {
      twoPlaces(facts);
      approve(facts, 'carol', run === 'same' ? {} : { runId: run });
    });
    expect(view.decisions.map(({ person, current }) => [person, current])).toEqual(decisions);
    expect(view.state).toBe(state);
  });
});

describe('the leases of an action', () => {
  test.each<[string, ActionView['lease'], AnyBody[], (string | null)[]]>([
    ['none', 'none', [], []],
    ['only the preview’s, ended', 'none', [lease('preview', 'p'), revocation('p')], [null]],
    ['the preview’s, not yet ended', 'open', [lease('preview', 'p')], [null]],
    ['a token without a credential', 'open', [lease('execute', 'e')], [null]],
    ['one with a credential', 'open', [lease('execute', 'e'), credential('e')], ['v-01m']],
    ['one that ended', 'revoked', [lease('execute', 'e'), credential('e'), revocation('e')], ['v-01m']],
    [
      'one that ended, one that did not',
      'open',
      [lease('execute', 'e'), lease('execute', 'f'), revocation('e')],
      [null, null],
    ],
    // The notary may end a lease before the process that opened it has put it on record.
    ['one that ended before it was told', 'revoked', [revocation('e'), lease('execute', 'e')], [null]],
    ['a credential and an end of no known lease', 'none', [credential('x'), revocation('x')], []],
  ])('%s', (_, state, statements, usernames) => {
    const view = viewOf(asItIs, () => statements);
    expect([view.lease, view.leases.map(({ username }) => username)]).toEqual([state, usernames]);
    for (const { revokedAtMs, proofs: shown } of view.leases) expect(shown).toEqual(revokedAtMs === null ? [] : proofs);
  });
});

describe('what people judge by', () => {
  const sent = 'a'.repeat(64);
  const redactions = [{ rule: 'password', count: 2 }];
  const attachment = (sentSha256: string): AnyBody => ({
    kind: 'attachment',
    body: { kind: 'logs', sentSha256, storedSha256: 'b'.repeat(64), bytes: 7, redactions },
  });
  const naming = (facts: Facts): void => {
    facts.request.logs = { sha256: sent, bytes: 9 };
  };
  const kept = { sha256: 'b'.repeat(64), bytes: 7, redactions };

  test.each<[what: string, change: (facts: Facts) => void, statements: AnyBody[], logs: ActionView['logs']]>([
    ['a log that nobody named', asItIs, [], null],
    ['a log that was kept without being named', asItIs, [attachment(sent)], null],
    ['a log that was named and not sent', naming, [], { sentSha256: sent, stored: null }],
    ['a log of another text', naming, [attachment('c'.repeat(64))], { sentSha256: sent, stored: null }],
    ['the log that was named', naming, [attachment(sent)], { sentSha256: sent, stored: kept }],
  ])('is %s', (_, change, statements, logs) => {
    expect(viewOf(change, () => statements).logs).toEqual(logs);
  });

  test('is the background that the last preview holds, which no digest covers', () => {
    const context = { owners: ['dana'], recent: [] };
    const plain = viewOf(asItIs);
    const told = viewOf((facts) => {
      facts.rounds[0].preview.context = context;
      renameAll(facts);
    });
    expect(plain.context).toBeNull();
    expect(told.context).toEqual(context);
    expect(told.actionDigest).toBe(plain.actionDigest);
  });
});

describe('the end of an action', () => {
  test('is told by its result until there is a receipt, and by the last receipt', () => {
    expect(viewOf(asItIs, () => [result])).toMatchObject({ outcome, receipt: null });
    expect(viewOf(asItIs, () => [receipt(false), receipt(true)])).toMatchObject({
      outcome,
      receipt: { closing: true },
    });
  });

  test('names its incidents, whom it froze, and who lifted that', () => {
    const { agent, openedAtMs, ...found } = incident;
    const frozen = { agent, because: 'effect_mismatch' as const, incident: incident.code, frozenAtMs: AT_MS };
    const freeze: AnyBody = { kind: 'freeze', body: frozen };
    const before = viewOf(asItIs, () => [result, { kind: 'incident', body: incident }, freeze]);
    expect(before.incidents).toEqual([{ code: found.code, severity: 'high', sentence: found.sentence, openedAtMs }]);
    expect(before.freeze).toEqual({ agent, frozenAtMs: AT_MS, lifted: null });

    const named = before.timeline.at(-1)?.digest ?? '';
    const lift = (change: object = {}): AnyBody => ({
      kind: 'unfreeze',
      body: {
        agent,
        freeze: named,
        reason: 'Fine.',
        by: { person: 'erin', group: 'security-oncall' },
        via: { channel: 'api', subject: 'erin' },
        unfrozenAtMs: AT_MS + 1,
        ...change,
      },
    });
    const shown = (body: AnyBody) => viewOf(asItIs, () => [result, { kind: 'incident', body: incident }, freeze, body]);
    expect(shown(lift()).freeze?.lifted).toEqual({ person: 'erin', reason: 'Fine.', atMs: AT_MS + 1 });
    expect(shown(lift({ freeze: '0'.repeat(64) })).freeze?.lifted).toBeNull();
    expect(shown(lift({ agent: 'other-bot' })).freeze?.lifted).toBeNull();
    expect(viewOf(asItIs)).toMatchObject({ incidents: [], freeze: null });
  });

  test('names every statement, in order, with who signed it', () => {
    const view = viewOf(asItIs, (facts) => [claim(facts), result]);
    expect(view.timeline.map(({ kind, signedBy }) => `${kind} ${signedBy}`)).toEqual([
      'request agent/export-bot',
      ...['preview', 'plan', 'decision', 'claim', 'result'].map((kind) => `${kind} ${kind}/1`),
    ]);
    expect(new Set(view.timeline.map(({ digest }) => digest)).size).toBe(6);
  });

  test('shows who was refused what, and why', () => {
    const body = { code: 'self_approval', field: null, message: 'No.', who: 'person/olivia', sentDigest: null };
    const view = viewOf(asItIs, () => [{ kind: 'refusal', body }]);
    expect(view.refusals).toMatchObject([{ code: 'self_approval', message: 'No.', who: 'person/olivia' }]);
  });
});

test('the risk is that of the gravest flag', () => {
  const flag = (severity: 'info' | 'low' | 'medium' | 'high' | 'critical') => ({
    code: 'found',
    severity,
    sentence: '.',
  });
  expect(riskOf([])).toBe('info');
  expect(riskOf([flag('low'), flag('critical'), flag('high')])).toBe('critical');
  expect(riskOf([flag('info'), flag('medium'), flag('low')])).toBe('medium');
});
