import type { KeyObject } from 'node:crypto';
import type { AssuranceSettings } from '../../../src/core/assurance.js';
import { digestOf } from '../../../src/core/json.js';
import { previewDigestOf } from '../../../src/core/snapshot.js';
import { buildStatement } from '../../../src/core/statement.js';
import type { StatementBody, StatementKind } from '../../../src/core/schemas/statements.js';
import { NO_DEBTS } from '../../../src/enforcement/debts.js';
import type { Evidence } from '../../../src/enforcement/evidence.js';
import { operations } from '../../../src/operations/catalog.gen.js';
import { bundleFilesOf, bundleInvalid, readBundleFiles } from '../../../src/policy/bundle-files.js';
import { checkBundleFiles } from '../../../src/policy/load-bundle.js';
import type { Policy } from '../../../src/policy/policy.js';
import { alarmStatesOf, type AlarmState } from '../../../src/record/alarms.js';
import type { BegunEffect } from '../../../src/record/effects.js';
import type { AnyRecorded, DebtList } from '../../../src/record/record.js';
import { makeAgentKey, sealedBy } from './agent-key.js';

export const ACTION_ID = '01M82BEDCBHPE39GJ5Q8ZMGYDJ';
export const OTHER_ACTION_ID = '01M82BEDCBHPE39GJ5Q8ZMGYDK';
const RUN_ID = 'run-that-asks';
const OTHER_REQUEST = digestOf('the request of the other action');
export const OPENED_AT_MS = Date.UTC(2026, 10, 23, 9);
export const MINUTE_MS = 60_000;
/** A round on record: what was shown, planned, escalated and decided in it. */
export interface Round {
  preview: StatementBody<'preview'>;
  plan: StatementBody<'plan'>;
  escalations: StatementBody<'escalation'>[];
  decisions: StatementBody<'decision'>[];
}

/** A statement of who prompted the action, as the record has it. */
export interface StatedProvenance {
  body: StatementBody<'provenance'>;
  keyid: string;
  /** Of the request that it is about. */
  requestDigest: string;
  /** Whether it was stated before anything was planned. */
  early: boolean;
}

/** What the record says, as bodies that an attack may change before they become evidence. */
export interface Facts {
  actionId: string;
  runId: string;
  /** The round that the executor is asked to run. */
  round: number;
  nowMs: number;
  policy: Policy;
  assurance: AssuranceSettings;
  request: StatementBody<'request'>;
  requestKeyId: string;
  requestKey: KeyObject;
  provenance: StatedProvenance[];
  rounds: [Round, ...Round[]];
  /** Previews after which policy forbade the action, so that no plan followed. */
  forbidden: StatementBody<'preview'>[];
  withdrawals: StatementBody<'withdrawal'>[];
  /** What froze agents, and what lifted it, under whatever actions. */
  freezes: AnyBody[];
  /** About no action. */
  alarms: AnyBody[];
  /** What began within the last day, oldest first. */
  begun: BegunEffect[];
  debts: DebtList;
  receipts: StatementBody<'receipt'>[];
}

const EXPORT_BOT = makeAgentKey();
const PLACEHOLDER = 'MfXQlNKJzVZnPZqZ/Wq0hHMpW1LLud7W4+4IG2DOH34=';

/** The policy of a folder, in which a key of the test's takes the place of the example's, whose private part is gone. */
export async function loadPolicy(folder: string): Promise<Policy> {
  const { files } = await readBundleFiles(folder);
  const texts = [...files].map(([name, { text }]) => [name, text.replace(PLACEHOLDER, EXPORT_BOT.publicKey)] as const);
  const { policy, problems } = checkBundleFiles(bundleFilesOf(Object.fromEntries(texts)));
  if (policy === null) throw bundleInvalid(folder, problems);
  return policy;
}

/** An export from production that ben, a DBA, approved a minute after its review opened; asked for a minute later. */
export function honestFacts(policy: Policy): Facts {
  const request: Facts['request'] = {
    actionId: ACTION_ID,
    agent: 'export-bot',
    operation: 'database.export',
    params: { target: 'orders', query: 'SELECT id FROM orders WHERE id < 100', format: 'csv' },
    reason: 'Monthly report',
    requestedAtMs: OPENED_AT_MS - 1_000,
    expiresAtMs: OPENED_AT_MS + 3 * 60 * MINUTE_MS,
  };
  const facts: Facts = {
    actionId: ACTION_ID,
    runId: RUN_ID,
    round: 1,
    nowMs: OPENED_AT_MS + 2 * MINUTE_MS,
    policy,
    assurance: { maxAgeMs: 5 * MINUTE_MS, acrValues: [] },
    request,
    requestKeyId: 'agent/export-bot',
    requestKey: EXPORT_BOT.privateKey,
    provenance: [],
    rounds: [planRound(policy, request, 1)],
    forbidden: [],
    withdrawals: [],
    freezes: [],
    alarms: [],
    begun: [],
    debts: NO_DEBTS,
    receipts: [],
  };
  approve(facts, 'ben');
  return facts;
}

/** What an honest worker would show and plan for a request. */
export function planRound(policy: Policy, request: Facts['request'], round: number): Round {
  const preview = showPreview(policy, request, round);
  const openedAtMs = OPENED_AT_MS;
  const verdict = policy.review({
    agent: request.agent,
    operation: request.operation,
    target: preview.target,
    flags: preview.flags,
    nowMs: openedAtMs,
  });
  if (!verdict.allowed) throw new Error(`planRound: ${verdict.because}`);
  const snapshot: StatementBody<'plan'>['snapshot'] = {
    actionId: request.actionId,
    operation: request.operation,
    params: request.params,
    agent: request.agent,
    fingerprint: preview.preview.fingerprint,
    previewDigest: previewDigestOf(preview),
    planDigest: digestOf(verdict.plan),
    leaseRole: `database/creds/${preview.target.name}-execute`,
    expiresAtMs: Math.min(request.expiresAtMs, openedAtMs + verdict.plan.expireAfterMs),
  };
  const plan: StatementBody<'plan'> = {
    round,
    policy: policy.bundle,
    plan: verdict.plan,
    barred: policy.directory.barredFor(request.agent),
    snapshot,
    actionDigest: digestOf(snapshot),
    reopened:
      round === 1
        ? null
        : { code: 'target_changed', message: 'The target changed after the approval.', difference: null },
    openedAtMs,
  };
  return { preview, plan, escalations: [], decisions: [] };
}

function showPreview(policy: Policy, request: Facts['request'], round: number): StatementBody<'preview'> {
  const target = policy.target(textOf(request, 'target'));
  if (target === undefined) throw new Error('showPreview: the bundle has no such target');
  return {
    round,
    requestDigest: digestOf(request),
    target: { kind: target.kind, name: target.name, environment: target.environment },
    preview: {
      summary: 'Export of 1 table, about 100 rows',
      facts: [],
      content: { language: 'sql', text: textOf(request, 'query') },
      fingerprint: digestOf('the definitions of orders'),
      estimate: { rows: 100 },
    },
    flags: [{ code: 'production', severity: 'low', sentence: 'It reads from production.' }],
    gatheredAtMs: OPENED_AT_MS - 500,
  };
}

function textOf({ params }: Facts['request'], name: string): string {
  const value = params[name];
  if (typeof value !== 'string') throw new Error(`textOf: ${name} is no text`);
  return value;
}

/** The round on record last. */
export function lastRound({ rounds }: Facts): Round {
  return rounds.at(-1) ?? rounds[0];
}

/**
 * Names everything in the last round again, as whoever holds the worker's key could, and binds its decisions to the
 * new action digest, as people would who were shown that. What an attack breaks after this stays broken.
 */
export function renameAll(facts: Facts): void {
  const { preview, plan, decisions } = lastRound(facts);
  preview.requestDigest = digestOf(facts.request);
  plan.snapshot.previewDigest = previewDigestOf(preview);
  plan.snapshot.fingerprint = preview.preview.fingerprint;
  plan.snapshot.planDigest = digestOf(plan.plan);
  plan.actionDigest = digestOf(plan.snapshot);
  for (const decision of decisions) decision.actionDigest = plan.actionDigest;
}

/** Plants one person's approval of the last round; `change` says how it differs from an honest one. */
export function approve(facts: Facts, person: string, change: Partial<StatementBody<'decision'>> = {}): void {
  const { plan, decisions } = lastRound(facts);
  decisions.push({
    round: plan.round,
    actionDigest: plan.actionDigest,
    runId: facts.runId,
    decision: 'approve',
    reason: 'Fine.',
    approver: { person, groups: facts.policy.directory.groupsOf(person) },
    via: { channel: 'api', subject: person, eventId: `${person}-${String(decisions.length)}` },
    decidedAtMs: OPENED_AT_MS + MINUTE_MS,
    ...change,
  });
}

/** Plants an escalation of the last round; `change` says how it differs from the one that the example bundle foresees. */
export function escalate(facts: Facts, change: Partial<StatementBody<'escalation'>> = {}): void {
  const { plan, escalations } = lastRound(facts);
  const escalation = { round: plan.round, runId: facts.runId, group: 'dba-lead', afterMs: 10 * MINUTE_MS, ...change };
  escalations.push({ firedAtMs: plan.openedAtMs + escalation.afterMs, ...escalation });
}

/** States, as the gateway would before the plan, that these people prompted it; `change` says how it differs. */
export function promptedBy(facts: Facts, prompters: string[], change: Partial<StatedProvenance> = {}): void {
  const body = { prompters, schedulers: [], verifiedAtMs: OPENED_AT_MS - 900 };
  const requestDigest = digestOf(facts.request);
  facts.provenance.push({ body, keyid: 'intake/1', requestDigest, early: true, ...change });
}

/** Any statement's kind and body. */
export type AnyBody = {
  [K in StatementKind]: {
    kind: K;
    body: StatementBody<K>;
    keyid?: string;
    requestDigest?: string;
    signsBy?: KeyObject;
  };
}[StatementKind];

/** The facts, then more, in order, as they are read from the record: signatures were verified there. */
export function statementsOf(facts: Facts, more: readonly AnyBody[] = []): AnyRecorded[] {
  const requestDigest = digestOf(facts.request);
  const stated = (early: boolean): AnyBody[] =>
    facts.provenance
      .filter((one) => one.early === early)
      .map(({ body, keyid, requestDigest: about }) => ({ kind: 'provenance', body, keyid, requestDigest: about }));
  const bodies: AnyBody[] = [
    { kind: 'request', body: facts.request, keyid: facts.requestKeyId, signsBy: facts.requestKey },
    ...stated(true),
  ];
  for (const { preview, plan, escalations, decisions } of facts.rounds) {
    bodies.push({ kind: 'preview', body: preview }, { kind: 'plan', body: plan });
    bodies.push(...escalations.map((body) => ({ kind: 'escalation' as const, body })));
    bodies.push(...decisions.map((body) => ({ kind: 'decision' as const, body })));
  }
  bodies.push(...facts.forbidden.map((body) => ({ kind: 'preview' as const, body })));
  bodies.push(...facts.withdrawals.map((body) => ({ kind: 'withdrawal' as const, body })));
  bodies.push(...facts.receipts.map((body) => ({ kind: 'receipt' as const, body })));
  bodies.push(...stated(false));
  return recordedAs(facts.actionId, requestDigest, [...bodies, ...more]);
}

/** Bodies under an action's id, or about none, in order. */
function recordedAs(actionId: string | null, requestDigest: string, bodies: readonly AnyBody[]): AnyRecorded[] {
  return bodies.map(({ kind, body, keyid, signsBy, requestDigest: about = requestDigest }, index) => {
    const statement = buildStatement(kind, { actionId, requestDigest: about, body, chain: null });
    return {
      sequence: index + 1,
      kind,
      actionId,
      digest: digestOf(statement),
      body,
      statement,
      envelope: sealedBy(signsBy, keyid ?? `${kind}/1`, statement),
      key: null,
      recordedAtMs: OPENED_AT_MS + index + 1,
    } as unknown as AnyRecorded;
  });
}

/** What is on record of freezes: what a person froze about no action, the rest under another action of the agent's. */
function freezesOf({ freezes }: Facts): AnyRecorded[] {
  return freezes.map((one, index) => {
    const [recorded] = recordedAs(isByPerson(one) ? null : OTHER_ACTION_ID, OTHER_REQUEST, [one]);
    if (recorded === undefined) throw new Error('freezesOf: nothing was recorded');
    return { ...recorded, sequence: index + 1, recordedAtMs: OPENED_AT_MS + index + 1 };
  });
}

function isByPerson({ kind, body }: AnyBody): boolean {
  return (kind === 'freeze' && body.because === 'person') || (kind === 'unfreeze' && body.agent === undefined);
}

type ByPerson = Extract<StatementBody<'freeze'>, { because: 'person' }>;

/** Has carol freeze an agent, an operation or everything; with the digest that an `unfreeze` must name. */
export function freezeByPerson(facts: Facts, scope: ByPerson['scope'], change: Partial<ByPerson> = {}): string {
  const body: ByPerson = {
    because: 'person',
    scope,
    reason: 'It asks for what nobody told it to.',
    by: { person: 'carol', group: 'data-owner' },
    via: { channel: 'api', subject: 'carol' },
    frozenAtMs: OPENED_AT_MS,
    ...change,
  };
  facts.freezes.push({ kind: 'freeze', body });
  return freezesOf(facts).at(-1)?.digest ?? '';
}

/** States that a person lifts what a person froze. */
export function liftByPerson(facts: Facts, freeze: string, person: string): void {
  const body = {
    freeze,
    reason: 'It was mended.',
    by: { person, group: 'security' },
    via: { channel: 'api', subject: person },
    unfrozenAtMs: OPENED_AT_MS + facts.freezes.length,
  };
  facts.freezes.push({ kind: 'unfreeze', body });
}

/** Freezes an agent for what came of its other action; with the digest that an `unfreeze` must name. */
export function freeze(
  facts: Facts,
  change: Partial<Extract<StatementBody<'freeze'>, { because: 'effect_mismatch' }>> = {},
): string {
  const body = {
    agent: facts.request.agent,
    because: 'effect_mismatch' as const,
    incident: 'effect_larger_than_preview',
    frozenAtMs: OPENED_AT_MS,
    ...change,
  };
  facts.freezes.push({ kind: 'freeze', body });
  return freezesOf(facts).at(-1)?.digest ?? '';
}

/** States that somebody lifted a freeze of this digest. */
export function unfreeze(facts: Facts, digest: string, change: Partial<StatementBody<'unfreeze'>> = {}): void {
  const body = {
    agent: facts.request.agent,
    freeze: digest,
    reason: 'The table had been loaded on purpose.',
    by: { person: 'erin', group: 'security-oncall' },
    via: { channel: 'api', subject: 'erin' },
    unfrozenAtMs: OPENED_AT_MS + 1,
    ...change,
  };
  facts.freezes.push({ kind: 'unfreeze', body });
}

/** What the executor judges from. */
export function evidenceOf(facts: Facts): Evidence {
  const { actionId, runId, round, nowMs, policy, assurance, debts } = facts;
  return {
    actionId,
    runId,
    round,
    statements: statementsOf(facts),
    freezes: freezesOf(facts),
    alarms: alarmsOf(facts),
    effects: { atMs: nowMs, begun: facts.begun },
    debts,
    policy,
    operations,
    assurance,
    nowMs,
  };
}

/** Raises an alarm; with the digest that a clearance must name. */
export function raiseAlarm(facts: Facts, change: Partial<StatementBody<'alarm'>> = {}): string {
  const body: StatementBody<'alarm'> = {
    code: 'ledger_forked',
    severity: 'critical',
    sentence: 'The ledger was forked.',
    stopsApprovals: true,
    raisedAtMs: OPENED_AT_MS + facts.alarms.length,
    ...change,
  };
  facts.alarms.push({ kind: 'alarm', body });
  return alarmsOf(facts).at(-1)?.digest ?? '';
}

/** States that erin cleared an alarm. */
export function clearAlarm(facts: Facts, alarm: string): void {
  const body = {
    alarm,
    reason: 'It was looked into.',
    by: { person: 'erin', group: 'security' },
    via: { channel: 'api', subject: 'erin' },
    clearedAtMs: OPENED_AT_MS + facts.alarms.length,
  };
  facts.alarms.push({ kind: 'clearance', body });
}

function alarmsOf({ alarms }: Facts): AlarmState[] {
  return alarmStatesOf(recordedAs(null, OTHER_REQUEST, alarms));
}
