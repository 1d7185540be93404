import { encodeTime } from 'ulid';
import { payloadDigest, seal, type Envelope } from '../../src/core/dsse.js';
import { digestOf } from '../../src/core/json.js';
import type { Keyring, KeyPurpose } from '../../src/core/keyring.js';
import type { ActionRequest, ActionSnapshot, Flag, Outcome, ReviewPlan } from '../../src/core/schemas/action.js';
import type { StatementBody, StatementKind } from '../../src/core/schemas/statements.js';
import { buildStatement } from '../../src/core/statement.js';
import type { Verifying } from '../../src/evidence/verify-statements.js';
import { EXPORT_PLAN } from './export-plan.js';
import { makeKey, type TestKey } from './signing.js';

export const agentKey = makeKey('agent/export-bot');
const purposes = ['decision', 'intake', 'worker', 'executor', 'receipt', 'checkpoint'] as const;
export const keys = Object.fromEntries(purposes.map((purpose) => [purpose, makeKey(`${purpose}/1`)])) as Record<
  KeyPurpose,
  TestKey
>;

export const keyring: Keyring = {
  number: 1,
  keys: purposes.map((purpose) => ({ ...keys[purpose].publicKey, purpose })),
};
export const verifying: Omit<Verifying, 'actionId'> = { keyring, agentKeys: () => [agentKey.publicKey] };

const digest = (digit: string): string => digit.repeat(64);

/** What of an action's story is told. Times are from when it was asked for. */
export interface Story {
  /** Makes the action's id another. */
  number: number;
  requestedAtMs: number;
  reason?: string;
  summary?: string;
  flags?: Flag[];
  plan?: Partial<ReviewPlan>;
  barred?: { person: string; because: string }[];
  decisions?: {
    person: string;
    decision?: 'approve' | 'deny';
    afterMs: number;
    groups?: string[];
    breakGlass?: true;
    reason?: string;
  }[];
  /** That the executor took it because these broke the glass. */
  glass?: { by: string[]; afterMs: number; dueAfterMs: number };
  /** What was found of that, after it ended. */
  retrospectives?: { person: string; groups: string[]; verdict: 'justified' | 'unjustified'; afterMs: number }[];
  /** Null: it never began. */
  startedAfterMs?: number | null;
  /** Null: its end is not proven. */
  revokedAfterMs?: number | null;
  refusals?: { code: string; who: string; message: string }[];
  outcome?: Outcome | null;
  concludedAfterMs?: number;
}

const DONE: Outcome = { status: 'succeeded', code: 'exported', message: 'Done.' };

/** The id of an action. */
export function idOf({ number, requestedAtMs }: Pick<Story, 'number' | 'requestedAtMs'>): string {
  return `${encodeTime(requestedAtMs, 10)}${String(number).padStart(16, '0')}`;
}

/** All signed statements about one action, oldest first. */
export async function signedAction(story: Story): Promise<Envelope[]> {
  const at = (afterMs: number): number => story.requestedAtMs + afterMs;
  const request: ActionRequest = {
    actionId: idOf(story),
    agent: 'export-bot',
    operation: 'database.export',
    params: { target: 'orders' },
    reason: story.reason ?? 'Monthly report.',
    requestedAtMs: at(0),
    expiresAtMs: at(86_400_000),
  };
  const plan: ReviewPlan = { ...EXPORT_PLAN, ...story.plan };
  const snapshot: ActionSnapshot = {
    ...{ actionId: request.actionId, operation: request.operation, params: request.params, agent: request.agent },
    ...{ fingerprint: digest('2'), previewDigest: digest('3'), planDigest: digestOf(plan) },
    ...{ leaseRole: 'orders-export', expiresAtMs: at(7_200_000) },
  };
  const actionDigest = digestOf(snapshot);
  const requestDigest = digestOf(request);
  const envelopes: Envelope[] = [];
  const say = async <K extends StatementKind>(kind: K, body: StatementBody<K>, key: TestKey): Promise<string> => {
    const chain = key === agentKey ? null : { process: 'worker' as const, number: 1, previous: digest('0') };
    const statement = buildStatement(kind, { actionId: request.actionId, requestDigest, body, chain });
    const [envelope] = await seal([statement], key.signer);
    if (envelope === undefined) throw new Error('nothing was sealed');
    envelopes.push(envelope);
    return payloadDigest(envelope);
  };

  await say('request', request, agentKey);
  const content = { language: 'sql' as const, text: 'SELECT 1' };
  const preview = {
    summary: story.summary ?? 'Export of 1 table from orders',
    facts: [],
    content,
    fingerprint: digest('2'),
    estimate: {},
  };
  const target = { kind: 'postgres', name: 'orders', environment: 'production' };
  await say(
    'preview',
    { round: 1, requestDigest, target, preview, flags: story.flags ?? [], gatheredAtMs: at(500) },
    keys.worker,
  );
  const barred = story.barred ?? [{ person: 'olivia', because: 'owns and may prompt agent export-bot' }];
  const policy = { digest: digest('a'), number: 3 };
  await say(
    'plan',
    { round: 1, policy, plan, barred, snapshot, actionDigest, reopened: null, openedAtMs: at(1_000) },
    keys.worker,
  );
  for (const { code, who, message } of story.refusals ?? [])
    await say('refusal', { code, field: null, message, who, sentDigest: null }, keys.intake);
  for (const { person, decision = 'approve', afterMs, groups = ['dba'], breakGlass, reason = '' } of story.decisions ??
    []) {
    const via = { channel: 'slack', subject: person, eventId: person };
    const approver = { person, groups };
    const glass = breakGlass === true ? { breakGlass } : {};
    await say(
      'decision',
      { round: 1, actionDigest, runId: 'run-1', decision, ...glass, reason, approver, via, decidedAtMs: at(afterMs) },
      keys.decision,
    );
  }
  const claim = await sayClaim(story, { say, at, actionDigest });
  await saySide(story, { say, at, actionDigest });
  const { outcome = DONE } = story;
  if (outcome === null) return envelopes;
  const receipt = {
    ...{ actionDigest, outcome, lease: 'revoked' as const, approvers: [], closing: true },
    statements: envelopes.map(payloadDigest),
    concludedAtMs: at(story.concludedAfterMs ?? 600_000),
  };
  await say('receipt', receipt, keys.receipt);
  for (const { person, groups, verdict, afterMs } of story.retrospectives ?? []) {
    const via = { channel: 'api', subject: person };
    const by = { person, groups };
    await say(
      'retrospective',
      { claim, verdict, reason: `It was ${verdict}.`, by, via, reviewedAtMs: at(afterMs) },
      keys.decision,
    );
  }
  return envelopes;
}

interface Telling {
  /** @returns the statement's digest. */
  say: <K extends StatementKind>(kind: K, body: StatementBody<K>, key: TestKey) => Promise<string>;
  at: (afterMs: number) => number;
  actionDigest: string;
}

/** That the executor took it behind a broken glass; of all others none is needed here. @returns its digest. */
async function sayClaim({ glass }: Story, { say, at, actionDigest }: Telling): Promise<string> {
  if (glass === undefined) return digest('0');
  const { by, afterMs, dueAfterMs } = glass;
  const run = { actionDigest, step: 'main', attempt: 1, runId: 'run-1', approvers: by };
  return say('claim', { ...run, breakGlass: { by, dueAtMs: at(dueAfterMs) }, claimedAtMs: at(afterMs) }, keys.executor);
}

/** Lease, effect, result, revocation. */
async function saySide(
  { startedAfterMs = null, revokedAfterMs = null }: Story,
  { say, at, actionDigest }: Telling,
): Promise<void> {
  if (startedAfterMs === null) return;
  const lease = {
    purpose: 'execute' as const,
    accessor: 'a1',
    tokenRole: 'orders-execute',
    ttlSeconds: 300,
    runId: 'run-1',
  };
  await say('lease', { ...lease, leasedAtMs: at(startedAfterMs) }, keys.executor);
  const credential = {
    accessor: 'a1',
    leaseId: 'l1',
    vaultRole: 'orders-execute',
    username: 'v-export-1',
    target: 'orders',
  };
  await say('credential', { ...credential, issuedAtMs: at(startedAfterMs) }, keys.executor);
  await say('effect', { actionDigest, step: 'main', attempt: 1, startedAtMs: at(startedAfterMs) }, keys.executor);
  await say(
    'result',
    { step: 'main', outcome: DONE, findings: [], finishedAtMs: at(startedAfterMs + 2_000) },
    keys.executor,
  );
  if (revokedAfterMs === null) return;
  const proofs = [{ asked: 'lease l1 of Vault', answer: 'unknown here' }];
  await say('revocation', { accessor: 'a1', proofs, revokedAtMs: at(revokedAfterMs) }, keys.receipt);
}
