import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ConcludeInput } from '../../../src/contracts/activities.js';
import { isUnprovenRefusal, outcomeOnRecord } from '../../../src/enforcement/outcome.js';
import type { Policy } from '../../../src/policy/policy.js';
import type { AnyRecorded, Recorded } from '../../../src/record/record.js';
import {
  approve,
  evidenceOf,
  freeze,
  freezeByPerson,
  honestFacts,
  lastRound,
  loadPolicy,
  statementsOf,
  type AnyBody,
  type Facts,
} from './evidence.js';

let policy: Policy;
beforeAll(async () => {
  policy = await loadPolicy(fileURLToPath(new URL('../../../policies/example', import.meta.url)));
});

type Status = Extract<ConcludeInput['ended'], { kind: 'not_run' }>['status'];

const notRun = (status: Status, code = 'said'): ConcludeInput['ended'] => ({
  kind: 'not_run',
  status,
  code,
  message: 'what the workflow says',
});

const refusal = (code: string): AnyBody => ({
  kind: 'refusal',
  body: { code, field: null, message: 'what the record says', who: null, sentDigest: null },
});

/** The same statements, with the refusals signed by another process. */
function signedBy(keyid: string, statements: AnyRecorded[]): AnyRecorded[] {
  return statements.map((statement) =>
    statement.kind === 'refusal'
      ? { ...statement, envelope: { ...statement.envelope, signatures: [{ keyid, sig: '' }] } }
      : statement,
  );
}

interface Row {
  name: string;
  ended: ConcludeInput['ended'];
  statements?: (facts: Facts) => AnyRecorded[];
  effectBegan?: boolean;
  afterExpiry?: boolean;
  status: string;
  code: string;
}

const rows: Row[] = [
  {
    name: 'a mismatch on record is told as it is, whatever the workflow says',
    ended: notRun('cancelled'),
    statements: (facts) => {
      const outcome = { status: 'effect_mismatch', code: 'effect_mismatch', message: 'More than declared.' } as const;
      const body = { step: 'execute', outcome, findings: [], finishedAtMs: 1 };
      return statementsOf(facts, [{ kind: 'result', body }]);
    },
    status: 'effect_mismatch',
    code: 'effect_mismatch',
  },
  {
    name: 'a denial that nobody made is not repeated',
    ended: notRun('denied'),
    status: 'interrupted',
    code: 'end_unproven',
  },
  {
    name: 'a denial on record is',
    ended: notRun('denied'),
    statements: (facts) => {
      approve(facts, 'carol', { decision: 'deny', reason: 'no' });
      return statementsOf(facts);
    },
    status: 'denied',
    code: 'denied_by_person',
  },
  {
    name: 'an expiry before its time is not repeated',
    ended: notRun('expired'),
    status: 'interrupted',
    code: 'end_unproven',
  },
  {
    name: 'an expiry after its time is',
    ended: notRun('expired'),
    afterExpiry: true,
    status: 'expired',
    code: 'expired',
  },
  {
    name: 'a withdrawal that is not on record is not repeated',
    ended: notRun('withdrawn'),
    status: 'interrupted',
    code: 'end_unproven',
  },
  {
    name: 'a run that left no effect is no success',
    ended: { kind: 'ran' },
    status: 'interrupted',
    code: 'end_unproven',
  },
  {
    name: 'an effect without a result is unknown, whatever is said',
    ended: notRun('denied'),
    effectBegan: true,
    status: 'unknown',
    code: 'outcome_unknown',
  },
  {
    name: "the executor's refusal is repeated in its own words",
    ended: notRun('refused', 'policy_forbids'),
    statements: (facts) => signedBy('executor/1', statementsOf(facts, [refusal('policy_forbids')])),
    status: 'refused',
    code: 'policy_forbids',
  },
  {
    name: "the gateway's refusal of somebody's attempt does not end the action",
    ended: notRun('refused', 'self_approval'),
    statements: (facts) => signedBy('intake/1', statementsOf(facts, [refusal('self_approval')])),
    status: 'interrupted',
    code: 'end_unproven',
  },
  {
    name: 'an expiry that the executor found is an expiry',
    ended: notRun('refused', 'request_expired'),
    statements: (facts) => signedBy('executor/1', statementsOf(facts, [refusal('request_expired')])),
    status: 'expired',
    code: 'request_expired',
  },
];

describe('the outcome in a receipt', () => {
  it.each(rows)('$name', ({ ended, statements = statementsOf, effectBegan = false, afterExpiry, status, code }) => {
    const facts = honestFacts(policy);
    const nowMs = afterExpiry === true ? lastRound(facts).plan.snapshot.expiresAtMs : facts.nowMs;
    const outcome = outcomeOnRecord(statements(facts), ended, { effectBegan, nowMs });
    expect(outcome).toMatchObject({ status, code });
    expect(outcome.message).not.toContain('what the workflow says');
  });

  it('is the result on record, whatever the workflow says', () => {
    const result: AnyBody = {
      kind: 'result',
      body: {
        step: 'execute',
        outcome: { status: 'succeeded', code: 'succeeded', message: 'done' },
        findings: [],
        finishedAtMs: 1,
      },
    };
    const statements = statementsOf(honestFacts(policy), [result]);
    for (const ended of [notRun('denied'), { kind: 'ran' } as const]) {
      expect(outcomeOnRecord(statements, ended, { effectBegan: true, nowMs: 0 }).status).toBe('succeeded');
    }
  });

  it.each<[string, (facts: Facts) => void, string, string]>([
    ['nothing', () => undefined, 'cancelled', 'ended_from_outside'],
    ['its agent, by the executor', (facts) => void freeze(facts), 'cancelled', 'ended_from_outside'],
    ['everything, by a person', (facts) => void freezeByPerson(facts, { kind: 'all' }), 'denied', 'frozen'],
  ])('of what was cancelled tells who froze it: %s', (_what, change, status, code) => {
    const facts = honestFacts(policy);
    change(facts);
    const [frozen = null] = evidenceOf(facts).freezes as Recorded<'freeze'>[];
    const outcome = outcomeOnRecord(statementsOf(facts), notRun('cancelled'), { effectBegan: false, nowMs: 0, frozen });
    expect([outcome.status, outcome.code]).toEqual([status, code]);
    if (code === 'frozen')
      expect(outcome.message).toBe('Frozen by carol (everything): It asks for what nobody told it to.');
  });

  it('tells a refusal of ours from that of a stranger who runs under the same id', () => {
    const statements = statementsOf(honestFacts(policy), [refusal('envelope_malformed')]);
    const ended = notRun('refused', 'envelope_malformed');
    expect(isUnprovenRefusal(signedBy('intake/1', statements), ended)).toBe(true);
    expect(isUnprovenRefusal(signedBy('worker/1', statements), ended)).toBe(false);
  });
});
