import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ulid } from 'ulid';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import { readPayload, type Envelope } from '../../src/core/dsse.js';
import { digestOf, sha256Hex } from '../../src/core/json.js';
import { REQUEST_LIMITS } from '../../src/core/schemas/action.js';
import type { StatementBody } from '../../src/core/schemas/statements.js';
import { anotherExport } from '../support/another-export.js';
import { QUERY, startTestGateway, type TestGateway } from '../support/gateway.js';
import { makeKey, sealStatement, type TestKey } from '../support/signing.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
});

afterAll(async () => {
  await gateway.stop();
});

const PARAMS = { target: 'orders', query: QUERY, format: 'csv' };

/** A request with anything changed, sealed by any key: what an honest client would not make. */
async function forge(
  change: Partial<StatementBody<'request'>> = {},
  key?: TestKey,
): Promise<{ id: string; envelope: Envelope }> {
  const nowMs = Date.now();
  const body: StatementBody<'request'> = {
    actionId: ulid(),
    agent: 'export-bot',
    operation: 'database.export',
    params: { ...PARAMS, ...anotherExport() },
    reason: 'Monthly report',
    requestedAtMs: nowMs,
    expiresAtMs: nowMs + 60_000,
    ...change,
  };
  const signer = key ?? gateway.agents['export-bot'];
  return { id: body.actionId, envelope: await sealStatement('request', body.actionId, digestOf(body), body, signer) };
}

describe('a request', () => {
  it('is accepted, is on record, and has a workflow that says what it is', async () => {
    const { actionId, requestDigest, envelope } = await gateway.sign();
    const answer = await gateway.send('POST', '/v1/actions', { body: envelope });
    expect(answer).toMatchObject({ status: 202, json: { actionId, requestDigest, state: 'preparing' } });
    expect(answer.headers.get('location')).toBe(`/v1/actions/${actionId}`);
    const run = await gateway.temporal.workflow.getHandle(workflowIdOf(actionId)).describe();
    expect(run).toMatchObject({ type: 'privilegedAction', taskQueue: 'countersign', status: { name: 'RUNNING' } });
    expect(await run.staticSummary()).toBe('database.export on orders, asked by export-bot');
    const authorization = await gateway.agentHeader('export-bot', 'GET', `/v1/actions/${actionId}`);
    const seen = await gateway.send('GET', `/v1/actions/${actionId}`, { authorization });
    expect(seen).toMatchObject({ status: 200, json: { actionId, requestDigest, request: { params: PARAMS } } });
  });

  it('sent again is answered the same and starts nothing twice', async () => {
    const { actionId, envelope } = await gateway.sign();
    const headers = { 'idempotency-key': actionId };
    const answers = await Promise.all(
      [1, 2, 3].map(() => gateway.send('POST', '/v1/actions', { body: envelope, headers })),
    );
    const run = await gateway.temporal.workflow.getHandle(workflowIdOf(actionId)).describe();
    answers.push(await gateway.send('POST', '/v1/actions', { body: envelope }));
    for (const answer of answers) expect(answer).toMatchObject({ status: 202, json: answers[0]?.json });
    const again = await gateway.temporal.workflow.getHandle(workflowIdOf(actionId)).describe();
    expect(again.runId).toBe(run.runId);
    const rows = await gateway.installation.inRecord((client) =>
      client.query('select from countersign.statements where action_id = $1', [actionId]),
    );
    expect(rows.rowCount).toBe(1);
  });

  it('whose workflow could not be started is started when it is sent again', async () => {
    const { actionId, envelope } = await gateway.sign();
    const { record } = await gateway.installation.become('gateway');
    await record.appendAgentStatement('request', actionId, envelope);
    expect(await gateway.workflowExists(actionId)).toBe(false);
    expect((await gateway.send('POST', '/v1/actions', { body: envelope })).status).toBe(202);
    expect(await gateway.workflowExists(actionId)).toBe(true);
  });

  it('beyond the quota of open actions is refused, also when they come together', async () => {
    const small = await startTestGateway({ openActionsPerAgent: 3 });
    try {
      const requests = await Promise.all([1, 2, 3, 4, 5, 6].map(() => small.sign()));
      const answers = await Promise.all(
        requests.map(({ envelope }) => small.send('POST', '/v1/actions', { body: envelope })),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([202, 202, 202, 429, 429, 429]);
      // What joins an open one takes no place.
      const [first] = answers.flatMap(({ status }, index) => (status === 202 ? [requests[index]] : []));
      const actionId = first?.actionId;
      const { params: asked } = (
        readPayload(first?.envelope as Envelope) as { predicate: { body: Pick<StatementBody<'request'>, 'params'> } }
      ).predicate.body;
      const again = await small.sign({ params: asked });
      const joined = await small.send('POST', '/v1/actions', { body: again.envelope });
      expect(joined).toMatchObject({ status: 202, json: { actionId, joined: true } });
      const other = await small.sign({}, 'second-bot');
      expect((await small.send('POST', '/v1/actions', { body: other.envelope })).status).toBe(202);
    } finally {
      await small.stop();
    }
  });
});

interface BadRequest {
  name: string;
  make: () => Promise<{ id: string | null; body: unknown; headers?: Record<string, string> }>;
  status: number;
  code: string;
  field: string | null;
}

const params = (change: Record<string, unknown>) => ({ params: { ...PARAMS, ...change } });
const signed = (change: Partial<StatementBody<'request'>>, key?: () => TestKey) => async () => {
  const { id, envelope } = await forge(change, key?.());
  return { id, body: envelope };
};
const raw = (body: unknown, headers?: Record<string, string>) => async () => ({
  id: null,
  body,
  ...(headers === undefined ? {} : { headers }),
});

const badRequests: BadRequest[] = [
  {
    name: 'unknown operation',
    make: signed({ operation: 'database.drop' }),
    status: 422,
    code: 'operation_unknown',
    field: 'operation',
  },
  {
    name: 'extra parameter',
    make: signed(params({ sudo: true })),
    status: 422,
    code: 'params_invalid',
    field: 'params.sudo',
  },
  {
    name: 'missing parameter',
    make: signed({ params: { target: 'orders', format: 'csv' } }),
    status: 422,
    code: 'params_invalid',
    field: 'params.query',
  },
  {
    name: 'parameter of another type',
    make: signed(params({ maxRows: 'all' })),
    status: 422,
    code: 'params_invalid',
    field: 'params.maxRows',
  },
  {
    name: 'two statements',
    make: signed(params({ query: `${QUERY}; drop table orders` })),
    status: 422,
    code: 'query_forbidden',
    field: 'params.query',
  },
  {
    name: 'a write in a CTE',
    make: signed(params({ query: 'with gone as (delete from orders returning *) select * from gone' })),
    status: 422,
    code: 'query_forbidden',
    field: 'params.query',
  },
  {
    name: 'unknown target',
    make: signed(params({ target: 'payroll' })),
    status: 422,
    code: 'target_unknown',
    field: 'params.target',
  },
  {
    name: 'unknown agent',
    make: signed({ agent: 'ghost-bot' }, () => makeKey('agent/ghost-bot')),
    status: 403,
    code: 'agent_unknown',
    field: 'signatures.0.keyid',
  },
  {
    name: 'a person as agent',
    make: signed({}, () => makeKey('person/ana')),
    status: 403,
    code: 'agent_unknown',
    field: 'signatures.0.keyid',
  },
  {
    name: 'wrong signature',
    make: signed({}, () => makeKey('agent/export-bot')),
    status: 403,
    code: 'signature_invalid',
    field: 'signatures.0.sig',
  },
  {
    name: "another agent's name",
    make: signed({ agent: 'second-bot' }),
    status: 403,
    code: 'signature_invalid',
    field: 'agent',
  },
  {
    name: 'expired request',
    make: signed({ expiresAtMs: Date.now() - 1 }),
    status: 422,
    code: 'request_expired',
    field: 'expiresAtMs',
  },
  {
    name: 'a request from long ago',
    make: signed({ requestedAtMs: Date.now() - REQUEST_LIMITS.lifetimeMs - 60_000 }),
    status: 422,
    code: 'request_expired',
    field: 'requestedAtMs',
  },
  {
    name: 'a request from tomorrow',
    make: signed({ requestedAtMs: Date.now() + 86_400_000 }),
    status: 422,
    code: 'request_not_yet_valid',
    field: 'requestedAtMs',
  },
  {
    name: 'an action id from tomorrow',
    make: signed({ actionId: ulid(Date.now() + 86_400_000) }),
    status: 422,
    code: 'request_not_yet_valid',
    field: 'actionId',
  },
  {
    name: 'an old action id',
    make: signed({ actionId: ulid(1) }),
    status: 422,
    code: 'request_expired',
    field: 'actionId',
  },
  {
    name: 'an action id that is no ULID',
    make: signed({ actionId: '../../etc/passwd' }),
    status: 400,
    code: 'field_invalid',
    field: 'actionId',
  },
  {
    name: 'a reason that is too long',
    make: signed({ reason: 'x'.repeat(2_001) }),
    status: 400,
    code: 'field_invalid',
    field: 'reason',
  },
  {
    name: 'non-UTF-8',
    make: raw(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])),
    status: 400,
    code: 'body_not_utf8',
    field: null,
  },
  { name: 'no JSON', make: raw('{"payload":'), status: 400, code: 'body_malformed', field: null },
  {
    name: 'a body over the limit',
    make: raw(Buffer.alloc(REQUEST_LIMITS.bodyBytes + 1, 0x20)),
    status: 413,
    code: 'body_too_large',
    field: null,
  },
  {
    name: 'another media type',
    make: raw('<a/>', { 'content-type': 'application/xml' }),
    status: 415,
    code: 'media_type_unsupported',
    field: 'Content-Type',
  },
  {
    name: 'no envelope',
    make: raw({ operation: 'database.export' }),
    status: 400,
    code: 'envelope_malformed',
    field: 'payloadType',
  },
];

describe('a bad request is refused by name, is on record, and has no workflow:', () => {
  it.each(badRequests)('$name', async ({ make, status, code, field }) => {
    const { id, body, headers } = await make();
    const before = (await gateway.refusals()).length;
    const answer = await gateway.send('POST', '/v1/actions', { body, ...(headers === undefined ? {} : { headers }) });
    expect(answer.json).toMatchObject({ type: `https://countersign.dev/problems/${code}`, status, code, field });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    const [refusal, ...more] = (await gateway.refusals()).slice(before);
    expect(more).toEqual([]);
    // What happened and what to do, as the sender was told.
    expect(refusal).toMatchObject({ code, field, message: (answer.json as { detail: string }).detail });
    if (id !== null) expect(await gateway.workflowExists(id)).toBe(false);
  });

  it('a spent action id', async () => {
    const { actionId, envelope } = await gateway.sign();
    await gateway.send('POST', '/v1/actions', { body: envelope });
    const other = await forge({ actionId, reason: 'Another reason' });
    const answer = await gateway.send('POST', '/v1/actions', { body: other.envelope });
    expect(answer.json).toMatchObject({ status: 409, code: 'action_id_spent', field: 'actionId' });
    const sentDigest = sha256Hex(JSON.stringify(other.envelope));
    expect(await gateway.refusals()).toContainEqual(
      expect.objectContaining({ code: 'action_id_spent', who: 'agent/export-bot', sentDigest }),
    );
  });

  it('an idempotency key that is not the action id', async () => {
    const { actionId, envelope } = await gateway.sign();
    const answer = await gateway.send('POST', '/v1/actions', {
      body: envelope,
      headers: { 'idempotency-key': ulid() },
    });
    expect(answer.json).toMatchObject({ status: 409, code: 'idempotency_key_reused', field: 'Idempotency-Key' });
    expect(await gateway.workflowExists(actionId)).toBe(false);
  });
});

describe('the gateway', () => {
  it.each([
    ['GET', '/nowhere', 404, 'not_found'],
    ['DELETE', '/v1/actions', 405, 'method_not_allowed'],
    ['GET', '/v1/actions/%zz', 404, 'not_found'],
  ])('%s %s is %i %s, as a problem', async (method, path, status, code) => {
    const answer = await gateway.send(method, path);
    expect(answer).toMatchObject({ status, json: { status, code } });
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('says that it is alive and ready, and what its routes are', async () => {
    expect(await gateway.send('GET', '/healthz')).toMatchObject({ status: 200, json: { alive: true } });
    expect(await gateway.send('GET', '/readyz')).toMatchObject({ status: 200, json: { ready: true } });
    expect((await gateway.send('GET', '/openapi.json')).json).toMatchObject({ openapi: '3.1.0' });
  });

  it('keeps a flood of refusals out of the record, and still refuses', async () => {
    const before = (await gateway.refusals()).length;
    const { envelope } = await forge({ agent: 'second-bot', operation: 'database.drop' }, gateway.agents['second-bot']);
    const answers = await Promise.all(
      Array.from({ length: 60 }, () => gateway.send('POST', '/v1/actions', { body: envelope })),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([422]));
    const recorded = (await gateway.refusals()).length - before;
    expect(recorded).toBeGreaterThanOrEqual(30);
    expect(recorded).toBeLessThan(40);
  });
});
