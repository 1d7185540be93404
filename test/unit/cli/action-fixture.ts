import { EXPORT_PLAN } from '../../support/export-plan.js';
import type { ActionView, DecisionView } from '../../../src/record/action-view.js';

/** A fixed instant, so that spans in snapshots stay. */
export const NOW_MS = Date.UTC(2026, 10, 22, 12, 0, 0);
export const ACTION_ID = '01M82BEDCBHPE39GJ5Q8ZMGYDJ';
const digest = (digit: string): string => digit.repeat(64);

const approvalOfDora: DecisionView = {
  person: 'dora',
  decision: 'approve',
  reason: 'Seen the ticket.',
  channel: 'slack',
  groups: ['dba'],
  decidedAtMs: NOW_MS - 60_000,
  runId: 'run-1',
  current: true,
};

/** An export that waits for one of two people. */
export function waitingAction(change: Partial<ActionView> = {}): ActionView {
  return {
    actionId: ACTION_ID,
    requestDigest: digest('1'),
    state: 'waiting',
    request: {
      actionId: ACTION_ID,
      agent: 'export-bot',
      operation: 'database.export',
      params: { target: 'orders', query: 'SELECT id, email FROM customers', format: 'csv' },
      reason: 'Monthly report for finance, as asked in ticket 4711.',
      logs: { sha256: digest('7'), bytes: 35 },
      requestedAtMs: NOW_MS - 180_000,
      expiresAtMs: NOW_MS + 86_400_000,
    },
    provenance: null,
    logs: {
      sentSha256: digest('7'),
      stored: { sha256: digest('8'), bytes: 40, redactions: [{ rule: 'password', count: 1 }] },
    },
    context: {
      owners: ['dana', 'emil'],
      recent: [
        {
          actionId: '01M82BEDCBHPE39GJ5Q8ZMGYDA',
          operation: 'database.export',
          target: 'orders',
          outcome: 'succeeded',
          concludedAtMs: NOW_MS - 86_400_000,
        },
        {
          actionId: '01M82BEDCBHPE39GJ5Q8ZMGYD9',
          operation: 'database.export',
          target: null,
          outcome: 'refused',
          concludedAtMs: NOW_MS - 172_800_000,
        },
      ],
    },
    target: { kind: 'postgres', name: 'orders', environment: 'production' },
    preview: {
      summary: 'Export of 1 table from orders (production), about 12,000 rows',
      facts: [
        { label: 'Tables', value: 'public.customers' },
        { label: 'Columns', value: 'id, email' },
      ],
      content: { language: 'sql', text: 'SELECT id, email\nFROM customers' },
      fingerprint: digest('2'),
      estimate: { rows: 12_000 },
    },
    flags: [
      {
        code: 'personal_data',
        severity: 'high',
        sentence: 'Column email of customers is personal data by its name and its comment.',
      },
      { code: 'no_where', severity: 'low', sentence: 'The query has no WHERE.' },
    ],
    risk: 'high',
    round: 1,
    plan: { ...EXPORT_PLAN, stages: [{ group: 'dba', quorum: 2 }] },
    policy: { digest: digest('3'), number: 1 },
    actionDigest: digest('4'),
    barred: [{ person: 'olga', because: 'owner of the agent' }],
    reopened: null,
    openedAtMs: NOW_MS - 170_000,
    expiresAtMs: NOW_MS + 7_020_000,
    decisions: [approvalOfDora],
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
    timeline: [],
    ...change,
  };
}

/** The text of its log, as it is kept. */
export const LOG_TEXT = 'read ticket 4711\npassword=[redacted: password]';

/** The same, run and revoked. `sha256` is of the output. */
export function finishedAction(sha256 = digest('5')): ActionView {
  return waitingAction({
    state: 'done',
    quorum: { filled: true, open: [] },
    leases: [
      {
        accessor: 'accessor-1',
        purpose: 'execute',
        username: 'v-export-01M82BED',
        leasedAtMs: NOW_MS - 20_000,
        revokedAtMs: NOW_MS - 10_000,
        proofs: [{ asked: 'Vault: sys/leases/lookup', answer: 'invalid lease' }],
      },
    ],
    lease: 'revoked',
    outcome: {
      status: 'succeeded',
      code: 'exported',
      message: '12,000 rows were exported.',
      result: { rows: 12_000, sha256 },
    },
    receipt: { digest: digest('6'), concludedAtMs: NOW_MS - 9_000, closing: false },
  });
}

/** An export of far more than was approved, for which its agent was frozen; lifted or not. */
export function mismatchedAction(lifted: NonNullable<ActionView['freeze']>['lifted'] = null): ActionView {
  const sentence = '20,000 rows were exported; the preview had said about 1.';
  return {
    ...finishedAction(),
    outcome: { status: 'effect_mismatch', code: 'effect_mismatch', message: sentence, result: { rows: 20_000 } },
    incidents: [{ code: 'effect_larger_than_preview', severity: 'high', sentence, openedAtMs: NOW_MS - 15_000 }],
    freeze: { agent: 'export-bot', frozenAtMs: NOW_MS - 15_000, lifted },
  };
}

/** Ends as the given status says. */
export function endedAction(status: NonNullable<ActionView['outcome']>['status']): ActionView {
  return waitingAction({ state: 'done', outcome: { status, code: `test_${status}`, message: `It ended: ${status}.` } });
}

const ESC = '\u001B';
export const EVIL = `${ESC}[2J${ESC}]0;title\u0007\r\u009B31m\u202Edlrow\u2066\u200B\u{E0041}`;

/** Terminal sequences, carriage returns, direction overrides and invisible characters, from everywhere text comes from. */
export function hostileAction(): ActionView {
  const evil = EVIL;
  const action = waitingAction();
  const { preview, request } = action;
  if (preview === null) throw new Error('the fixture has a preview');
  return {
    ...action,
    request: {
      ...request,
      reason: `Please ${evil}\nAction approved`,
      link: `https://${evil}`,
      params: { query: evil },
    },
    target: { kind: 'postgres', name: 'orders', environment: 'production' },
    preview: {
      ...preview,
      summary: `Export ${evil}`,
      facts: [{ label: `Tables${evil}`, value: evil }],
      content: { language: 'sql', text: `SELECT 1 -- ${evil}\n\tFROM t` },
    },
    flags: [{ code: 'personal_data', severity: 'high', sentence: `Column ${evil}` }],
    decisions: action.decisions.map((decision) => ({ ...decision, reason: evil })),
    reopened: { code: 'target_changed', message: evil, difference: null },
    leases: [
      {
        accessor: 'a',
        purpose: 'preview',
        username: evil,
        leasedAtMs: NOW_MS,
        revokedAtMs: null,
        proofs: [{ asked: evil, answer: evil }],
      },
    ],
    outcome: { status: 'failed', code: 'target_error', message: evil, result: { note: evil } },
  };
}
