import { digestOf, sha256Hex } from '../../src/core/json.js';
import type { Envelope } from '../../src/core/dsse.js';
import type { StatementBody } from '../../src/core/schemas/statements.js';
import type { AnyDraft, Draft, Record as ActionRecord } from '../../src/record/record.js';
import { newActionId, sealStatement, type TestKey } from './signing.js';

/** A request as the test agent signs it. */
export interface TestRequest {
  actionId: string;
  requestDigest: string;
  body: StatementBody<'request'>;
  envelope: Envelope;
}

export async function makeRequest(key: TestKey, change: Partial<StatementBody<'request'>> = {}): Promise<TestRequest> {
  const body: StatementBody<'request'> = {
    actionId: newActionId(),
    agent: 'export-bot',
    operation: 'database.export',
    params: { target: 'orders', query: 'select id from orders' },
    reason: 'Monthly report',
    requestedAtMs: 1_795_000_000_000,
    expiresAtMs: 1_795_000_600_000,
    ...change,
  };
  const requestDigest = digestOf(body);
  return {
    actionId: body.actionId,
    requestDigest,
    body,
    envelope: await sealStatement('request', body.actionId, requestDigest, body, key),
  };
}

/** Puts a fresh request on record and names it. */
export async function recordRequest(record: ActionRecord, key: TestKey): Promise<TestRequest> {
  const request = await makeRequest(key);
  await record.appendAgentStatement('request', request.actionId, request.envelope);
  return request;
}

export function refusalDraft(
  { actionId, requestDigest }: Pick<TestRequest, 'actionId' | 'requestDigest'>,
  message = 'No.',
  key?: string,
): Draft<'refusal'> {
  const body = { code: 'policy_forbids', field: null, message, who: null, sentDigest: null };
  return { kind: 'refusal', actionId, requestDigest, body, ...(key === undefined ? {} : { key }) };
}

export function decisionDraft(
  { actionId, requestDigest }: Pick<TestRequest, 'actionId' | 'requestDigest'>,
  key?: string,
): Draft<'decision'> {
  return {
    kind: 'decision',
    actionId,
    requestDigest,
    ...(key === undefined ? {} : { key }),
    body: {
      round: 1,
      actionDigest: sha256Hex('action'),
      runId: 'run-1',
      decision: 'approve',
      reason: 'Fine.',
      approver: { person: 'carol', groups: ['dba'] },
      via: { channel: 'api', subject: 'carol', eventId: 'event-1' },
      decidedAtMs: 1_795_000_100_000,
    },
  };
}

export function claimDraft({ actionId, requestDigest }: Pick<TestRequest, 'actionId' | 'requestDigest'>): AnyDraft {
  return {
    kind: 'claim',
    actionId,
    requestDigest,
    body: {
      actionDigest: sha256Hex('action'),
      step: 'run',
      attempt: 1,
      runId: 'run-1',
      approvers: ['carol'],
      claimedAtMs: 1_795_000_200_000,
    },
  };
}

export function receiptDraft({ actionId, requestDigest }: Pick<TestRequest, 'actionId' | 'requestDigest'>): AnyDraft {
  return {
    kind: 'receipt',
    actionId,
    requestDigest,
    body: {
      actionDigest: null,
      outcome: { status: 'denied', code: 'denied_by_person', message: 'Denied.' },
      lease: 'none',
      approvers: [],
      statements: [],
      closing: false,
      concludedAtMs: 1_795_000_300_000,
    },
  };
}
