import { createDirectory } from '../../../src/directory/create-directory.js';
import type { Directory } from '../../../src/directory/directory.js';
import type { ReviewPlan } from '../../../src/core/schemas/action.js';
import type { ActionView } from '../../../src/record/action-view.js';
import type { LogText } from '../../../src/record/log-text.js';

/** What the tests are about: one workspace, one app, one action. */
export const slackIds = { teamId: 'T0TEAM', appId: 'A0APP', channel: 'C0APPROVALS', fallback: 'C0FALLBACK' } as const;
export const ACTION_ID = '01K9ZZZZZZ0000000000000001';
export const ACTION_DIGEST = 'ab'.repeat(32);
export const PUBLIC_URL = 'https://countersign.example';
/** Where a channel under test posts. */
export const SLACK_PLACES = {
  teamId: slackIds.teamId,
  channel: slackIds.channel,
  fallbackChannel: null,
  noticeChannel: null,
  publicUrl: PUBLIC_URL,
};
export const OPENED_AT_MS = Date.UTC(2026, 10, 22, 12, 0, 0);

const person = (id: string, name: string, userId?: string, aliases: string[] = []) => ({
  id,
  name,
  email: `${id}@example.com`,
  oidcSubject: `oidc-${id}`,
  ...(userId !== undefined && { slack: { teamId: slackIds.teamId, userId } }),
  aliases,
});

/** Ada and Bo are data administrators, Cy owns the agent and is one too, Di is on call; Bo's Slack account is his alias's. */
export const directory: Directory = createDirectory({
  people: [
    person('ada', 'Ada Fischer', 'U0ADA'),
    person('bo', 'Bo Lind', undefined, ['bo-admin']),
    person('bo-admin', 'Bo Lind (admin)', 'U0BO'),
    person('cy', 'Cy Owner', 'U0CY'),
    person('di', 'Di Oncall', 'U0DI'),
    person('eve', 'Eve Without Slack'),
  ],
  places: { prod: { slack: 'C0PROD' }, 'in-teams': { teams: '19:x@thread.tacv2' }, same: { slack: slackIds.channel } },
  groups: { dba: ['ada', 'bo', 'cy'], oncall: ['di'], 'data-owner': ['eve'] },
  agents: [{ id: 'reporter', name: 'Report bot', owner: 'cy', prompters: ['cy'], groups: [], publicKey: 'AAAA' }],
});

/** An export that waits for one of dba. */
export function waitingView(over: Partial<ActionView> = {}): ActionView {
  const query = 'SELECT id, email FROM customers WHERE country = $1';
  return {
    actionId: ACTION_ID,
    requestDigest: '11'.repeat(32),
    state: 'waiting',
    request: {
      actionId: ACTION_ID,
      agent: 'reporter',
      operation: 'database.export',
      params: { target: 'orders', query, parameters: ['DE'], format: 'csv' },
      reason: 'The quarterly report needs the German customers.',
      logs: { sha256: '77'.repeat(32), bytes: 37 },
      requestedAtMs: OPENED_AT_MS - 1_000,
      expiresAtMs: OPENED_AT_MS + 7_200_000,
    },
    provenance: null,
    logs: { sentSha256: '77'.repeat(32), stored: { sha256: '77'.repeat(32), bytes: 37, redactions: [] } },
    context: { owners: ['eve'], recent: [recentAction(1)] },
    target: { kind: 'postgres', name: 'orders', environment: 'production' },
    preview: {
      summary: 'Export of 1 table from orders (production), about 12,000 rows',
      facts: [
        { label: 'Tables', value: 'public.customers' },
        { label: 'Estimated rows', value: '12,000' },
      ],
      content: { language: 'sql', text: query },
      fingerprint: '22'.repeat(32),
      estimate: { rows: 12_000 },
    },
    flags: [
      { code: 'production', severity: 'medium', sentence: 'The target is production.' },
      { code: 'personal_data', severity: 'high', sentence: 'Column customers.email looks like personal data.' },
    ],
    risk: 'high',
    round: 1,
    plan: {
      stages: [{ group: 'dba', quorum: 1 }],
      escalations: [{ afterMs: 600_000, group: 'oncall' }],
      remindAfterMs: 300_000,
      expireAfterMs: 7_200_000,
      leaseTtlSeconds: 300,
      assurance: 'any',
      policies: ['prod-export'],
    },
    policy: { digest: '33'.repeat(32), number: 1 },
    actionDigest: ACTION_DIGEST,
    barred: [{ person: 'cy', because: 'owns agent reporter' }],
    reopened: null,
    openedAtMs: OPENED_AT_MS,
    expiresAtMs: OPENED_AT_MS + 7_200_000,
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
    timeline: timeline(3),
    ...over,
  };
}

/** Its plan with other stages. */
export function planOf(...stages: ReviewPlan['stages']): ReviewPlan {
  const { plan } = waitingView();
  if (plan === null) throw new Error('the waiting view has a plan');
  return { ...plan, stages };
}

/** The text of its log. */
export const LOG: LogText = { ok: true, text: 'connected\nplanned\nasking for approval' };

type Recent = NonNullable<ActionView['context']>['recent'][number];

/** What the agent did so many days before. */
export function recentAction(days: number): Recent {
  const concludedAtMs = OPENED_AT_MS - days * 86_400_000;
  return { actionId: ACTION_ID, operation: 'database.export', target: 'orders', outcome: 'denied', concludedAtMs };
}

/** A history of so many statements: later views have longer ones. */
export function timeline(length: number): ActionView['timeline'] {
  return Array.from({ length }, (_, index) => ({
    kind: 'plan' as const,
    atMs: OPENED_AT_MS + index,
    signedBy: 'worker/1',
    digest: '44'.repeat(32),
  }));
}

/** The same action after Ada approved it and the export ran. */
export function doneView(over: Partial<ActionView> = {}): ActionView {
  return waitingView({
    state: 'done',
    decisions: [decisionOf('ada', 'approve', 'Checked with legal.')],
    quorum: { filled: true, open: [] },
    outcome: {
      status: 'succeeded',
      code: 'ok',
      message: 'The export is complete.',
      result: { artefact: { sha256: '55'.repeat(32), rows: 12_034, bytes: 480_112, format: 'csv' } },
    },
    lease: 'revoked',
    leases: [
      {
        accessor: 'acc',
        purpose: 'execute',
        username: 'v-x',
        leasedAtMs: OPENED_AT_MS,
        revokedAtMs: OPENED_AT_MS + 9_000,
        proofs: [
          { asked: 'Vault: lease', answer: 'unknown' },
          { asked: 'PostgreSQL: role', answer: 'unknown' },
        ],
      },
    ],
    receipt: { digest: '66'.repeat(32), concludedAtMs: OPENED_AT_MS + 60_000, closing: false },
    timeline: timeline(9),
    ...over,
  });
}

const DAY_MS = 86_400_000;

/** The same export, whose glass Di and Eve may break, break, or broke; Ada and Bo review that. */
export function glassView(state: NonNullable<ActionView['breakGlass']>['state'], reason = REASON): ActionView {
  const { plan } = waitingView();
  if (plan === null) throw new Error('the waiting view has a plan');
  const atMs = OPENED_AT_MS + 20_000;
  const by = ['di', 'eve'].map((one) => ({ person: one, reason, atMs }));
  const breaking = by.map(({ person: one }) => ({ ...decisionOf(one, 'approve', reason), breakGlass: true as const }));
  const owed = { claim: '99'.repeat(32), by: ['di', 'eve'], claimedAtMs: atMs, dueAtMs: atMs + DAY_MS };
  const found = { person: 'ada', groups: ['dba'], verdict: 'unjustified' as const, reason, atMs: atMs + 3_600_000 };
  const debts = {
    offered: null,
    broken: null,
    owed: { ...owed, open: ['dba'], retrospectives: [] },
    paid: { ...owed, open: [], retrospectives: [found] },
  };
  const glass = {
    plan: {
      ...plan,
      breakGlass: { stages: [{ group: 'oncall', quorum: 2 }], leaseTtlSeconds: 300, reviewWithinMs: DAY_MS },
    },
    breakGlass: { state, open: [], by, debt: debts[state] },
    decisions: breaking,
  };
  if (state === 'offered')
    return waitingView({
      ...glass,
      breakGlass: { state, open: [{ group: 'oncall', places: 1 }], by: by.slice(0, 1), debt: null },
      decisions: breaking.slice(0, 1),
    });
  if (state === 'broken') return waitingView({ ...glass, state: 'approved' });
  return doneView({ ...glass, quorum: { filled: false, open: [{ group: 'dba', places: 1 }] } });
}

const REASON = 'The shop is down, and nobody of dba answers.';

export function decisionOf(who: string, decision: 'approve' | 'deny', reason: string): ActionView['decisions'][number] {
  return {
    person: who,
    decision,
    reason,
    channel: 'slack',
    groups: ['dba'],
    decidedAtMs: OPENED_AT_MS + 30_000,
    runId: 'run',
    current: true,
  };
}

/** Text that would do something if any of it came alive. */
export const HOSTILE =
  '<!channel> <@U0ADA> *bold* _it_ ~no~ `code` <https://evil.example|click> :tada: & &lt; \u202Etxet\u202C a\u200Bb \u001B[31m ```\nend\r';
