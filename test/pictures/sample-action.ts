import type { Action, Alarms, Debts, Freezes, Incidents, Queue } from '../../apps/console/api/types.js';
import { sha256Hex } from '../../src/core/json.js';
import type { ActionView } from '../../src/record/action-view.js';

/** A night in November, 02:41 in Berlin. */
export const NIGHT_MS = Date.UTC(2026, 10, 23, 1, 41, 8);
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** The same preview, asked for that night: it waits for a DBA. */
export function askedAtNight(view: ActionView): Action {
  const openedAtMs = NIGHT_MS - 4 * MINUTE_MS;
  const { request, target } = view;
  return {
    ...(view as unknown as Action),
    flags: view.flags.map((flag) => ({ ...flag, sentence: flag.sentence.replace(/It is \d\d:\d\d/, 'It is 02:41') })),
    request: {
      ...request,
      link: 'https://agents.example.com/runs/4711',
      requestedAtMs: openedAtMs - 2_000,
      expiresAtMs: NIGHT_MS + 24 * HOUR_MS,
    },
    context: { owners: ['ana', 'dave'], recent: recentOf(request.operation, target?.name ?? null) },
    round: 1,
    plan: {
      stages: [{ group: 'dba', quorum: 1 }],
      escalations: [
        { afterMs: 10 * MINUTE_MS, group: 'dba-lead' },
        { afterMs: 30 * MINUTE_MS, group: 'security-oncall' },
      ],
      remindAfterMs: 5 * MINUTE_MS,
      expireAfterMs: 2 * HOUR_MS,
      leaseTtlSeconds: 300,
      assurance: 'any',
      policies: [`prod-${request.operation.replaceAll('.', '-')}`],
    },
    policy: { digest: digest('3'), number: 12 },
    provenance: { prompters: ['paul'], schedulers: [] },
    barred: [
      { person: 'olivia', because: 'owner of the agent' },
      { person: 'paul', because: 'prompted it' },
    ],
    reopened: null,
    openedAtMs,
    expiresAtMs: openedAtMs + 2 * HOUR_MS,
    decisions: [],
    escalated: [],
    quorum: { filled: false, open: [{ group: 'dba', places: 1 }] },
    breakGlass: null,
    leases: [],
    outcome: null,
    incidents: [],
    freeze: null,
    lease: 'none',
    receipt: null,
    refusals: [],
    timeline: (['request', 'provenance', 'attachment', 'preview', 'plan'] as const).map((kind, index) => ({
      kind,
      atMs: openedAtMs - 2_000 + index * 400,
      signedBy: kind === 'request' ? 'agent/export-bot' : kind === 'provenance' ? 'gateway/1' : 'worker/1',
      digest: digest(String(index)),
    })),
    you: {
      mayDecide: true,
      mayDeny: true,
      why: 'You are in dba, who may decide now.',
      code: null,
      breakGlass: null,
      assurance: { needed: 'any', met: true, why: null },
    },
  };
}

/** The same, approved, run and revoked. */
export function finishedAction(action: Action): Action {
  const kinds = ['decision', 'claim', 'lease', 'credential', 'effect', 'result', 'revocation', 'receipt'] as const;
  const decidedAtMs = NIGHT_MS - 90_000;
  const leasedAtMs = decidedAtMs + 900;
  const proofs = [
    { asked: 'Vault: sys/leases/lookup', answer: 'invalid lease' },
    { asked: 'Vault: auth/token/lookup-accessor', answer: 'invalid accessor' },
    { asked: `${action.target?.name ?? ''}: pg_roles`, answer: 'no such user' },
    { asked: `${action.target?.name ?? ''}: pg_stat_activity`, answer: 'no session' },
  ];
  return {
    ...action,
    state: 'done',
    decisions: [
      {
        person: 'carol',
        decision: 'approve',
        reason: 'Seen the ticket; the rows are those of one week.',
        channel: 'slack',
        groups: ['dba'],
        decidedAtMs,
        runId: 'run',
        current: true,
      },
    ],
    quorum: { filled: true, open: [] },
    leases: [
      {
        accessor: 'accessor',
        purpose: 'execute',
        username: `cs-${action.actionId.toLowerCase()}-x7k2`,
        leasedAtMs,
        revokedAtMs: leasedAtMs + 1_600,
        proofs,
      },
    ],
    outcome: {
      status: 'succeeded',
      code: 'exported',
      message: '12,387 rows were exported.',
      result: { rows: 12_387, bytes: 421_190, sha256: digest('c') },
    },
    lease: 'revoked',
    receipt: { digest: digest('d'), concludedAtMs: leasedAtMs + 2_000, closing: true },
    timeline: [
      ...action.timeline,
      ...kinds.map((kind, index) => ({
        kind,
        atMs: decidedAtMs + index * 350,
        signedBy: kind === 'decision' ? 'decision/1' : kind === 'receipt' ? 'receipt/1' : 'executor/1',
        digest: digest(String.fromCharCode(97 + index)),
      })),
    ],
  };
}

/** Asked for once more after a denial, with what was changed; the agent read what nobody vouches for. */
export function inThePlaceOf(action: Action): Action {
  return {
    ...action,
    request: { ...action.request, replaces: '01M82BEDCBHPE39GJ5Q8ZMGYD0', tainted: true },
    provenance: { prompters: ['paul'], schedulers: ['ana'] },
  };
}

/** What the executor found after an export, and what it and a person froze. */
export const INCIDENTS: Incidents = {
  incidents: [
    {
      actionId: '01M82BEDCBHPE39GJ5Q8ZMGYD0',
      agent: 'export-bot',
      severity: 'critical',
      code: 'effect_mismatch',
      sentence: 'The export holds 61,204 rows, where 12,400 had been declared.',
      openedAtMs: NIGHT_MS - 9 * MINUTE_MS,
      digest: digest('i'),
      frozen: true,
    },
  ],
  unreadable: [],
  next: null,
};

export const FREEZES: Freezes = {
  freezes: [
    {
      digest: digest('f'),
      scope: { kind: 'operation', operation: 'database.export' },
      because: 'person',
      by: 'erin',
      reason: 'Until we know what export-bot copied, nobody exports anything.',
      actionId: null,
      frozenAtMs: NIGHT_MS - 6 * MINUTE_MS,
      lifts: [{ person: 'fay', reason: 'The copy was found and deleted.', atMs: NIGHT_MS - MINUTE_MS }],
      missing: 1,
    },
    {
      digest: digest('g'),
      scope: { kind: 'agent', agent: 'export-bot' },
      because: 'effect_mismatch',
      by: null,
      reason: null,
      actionId: '01M82BEDCBHPE39GJ5Q8ZMGYD0',
      frozenAtMs: NIGHT_MS - 9 * MINUTE_MS,
      lifts: [],
      missing: 1,
    },
  ],
  unreadable: [],
};

export const ALARMS: Alarms = {
  alarms: [
    {
      code: 'ledger_gap',
      severity: 'critical',
      sentence: 'Entry 4,711 of the ledger has no row on record any more.',
      stopsApprovals: true,
      digest: digest('a'),
      raisedAtMs: NIGHT_MS - 2 * MINUTE_MS,
      cleared: null,
    },
  ],
};

export function summaryOf(action: Action, index: number): Queue['actions'][number] {
  const { target, risk, quorum, outcome, lease, request, preview, you, state, breakGlass } = action;
  if (you === undefined) throw new Error('the sample knows its reader');
  const actionId = action.actionId.slice(0, -1) + String(index);
  const summary = preview && { summary: preview.summary };
  const expiresAtMs = action.expiresAtMs + index * 7 * MINUTE_MS;
  const seen = {
    actionId,
    state,
    target,
    risk,
    expiresAtMs,
    quorum,
    outcome,
    lease,
    request,
    preview: summary,
    breakGlass,
  };
  return { ...seen, you };
}

function recentOf(operation: string, target: string | null): NonNullable<Action['context']>['recent'] {
  return (['succeeded', 'denied', 'succeeded'] as const).map((outcome, index) => ({
    actionId: `01M82BEDCBHPE39GJ5Q8ZMGYD${String(index)}`,
    operation,
    target,
    outcome,
    concludedAtMs: NIGHT_MS - (index + 1) * 31 * HOUR_MS,
  }));
}

/** Looks like one. */
function digest(of: string): string {
  return sha256Hex(of);
}

const DAY_MS = 24 * HOUR_MS;
const WHY = 'Checkout is down since 02:20, and nobody of dba answers. The export shows which orders are lost.';

/** The same, when it burns: Erin breaks the glass, and Ben, who is of sre, may, too. */
export function burningAction(action: Action): Action {
  const { plan, you } = action;
  if (plan === null || you === undefined) throw new Error('the sample has a plan, and knows its reader');
  return {
    ...action,
    plan: {
      ...plan,
      breakGlass: { stages: [{ group: 'sre', quorum: 2 }], leaseTtlSeconds: 300, reviewWithinMs: DAY_MS },
    },
    decisions: [brokenBy('erin', NIGHT_MS - 100_000)],
    breakGlass: {
      state: 'offered',
      open: [{ group: 'sre', places: 1 }],
      by: [{ person: 'erin', reason: WHY, atMs: NIGHT_MS - 100_000 }],
      debt: null,
    },
    you: {
      ...you,
      ...{ mayDecide: false, mayDeny: false, code: 'not_an_approver' },
      why: 'You are in none of the groups that may decide now: dba.',
      breakGlass: { may: true, why: 'You are in sre, who may break the glass.', code: null, by: ['erin'] },
    },
  };
}

/** The same, after Erin and Sam did: Ben, who is of dba, is to say whether that was justified. */
export function brokenAction(action: Action): Action {
  const atMs = NIGHT_MS - 90_000;
  const reason = 'I have looked: the shop has no other record of the last hour.';
  const burning = burningAction(action);
  const { timeline, ...done } = finishedAction(burning);
  return {
    ...done,
    decisions: [brokenBy('erin', atMs - 10_000), { ...brokenBy('sam', atMs), reason }],
    quorum: { filled: false, open: [{ group: 'dba', places: 1 }] },
    timeline: timeline.flatMap((entry) =>
      entry.kind === 'decision' ? [entry, { ...entry, digest: digest('sam') }] : [entry],
    ),
    breakGlass: {
      state: 'owed',
      open: [],
      by: [
        { person: 'erin', reason: WHY, atMs: atMs - 10_000 },
        { person: 'sam', reason, atMs },
      ],
      debt: debtOf(atMs),
    },
  };
}

function debtOf(claimedAtMs: number): NonNullable<NonNullable<Action['breakGlass']>['debt']> {
  const dueAtMs = claimedAtMs + DAY_MS;
  return { claim: digest('claim'), by: ['erin', 'sam'], claimedAtMs, dueAtMs, open: ['dba'], retrospectives: [] };
}

/** What is owed for it, which Ben may pay. */
export function debtsFor({ actionId, request, target, breakGlass }: Action): Debts {
  if (breakGlass?.debt == null) throw new Error('nothing is owed for it');
  const { by, claimedAtMs, dueAtMs, open } = breakGlass.debt;
  const what = { actionId, agent: request.agent, operation: request.operation, target: target?.name ?? null };
  const debt = { ...what, by, claimedAtMs, dueAtMs, isOverdue: false, open, mayReview: ['ben', 'carol'] };
  return { debts: [debt], unreadable: [] };
}

function brokenBy(person: string, decidedAtMs: number): Action['decisions'][number] {
  const how = { channel: 'web', groups: ['sre'], runId: 'run', current: true, breakGlass: true as const };
  return { person, decision: 'approve', reason: WHY, decidedAtMs, ...how };
}
