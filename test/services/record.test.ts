import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServiceFault } from '../../src/core/errors.js';
import { allOf, latest } from '../../src/record/record.js';
import { createRecord } from '../../src/record/postgres-record.js';
import { createRecordPool, inTransaction } from '../../src/record/postgres/pool.js';
import { Secret } from '../../src/core/secret.js';
import { createTransitSigner } from '../../src/vault/transit-signer.js';
import { installForTest, type TestInstallation, type TestProcess } from '../support/installation.js';
import { losingAnswers } from '../support/losing-pool.js';
import { makeKey, newActionId, sealStatement } from '../support/signing.js';
import { decisionDraft, makeRequest, receiptDraft, recordRequest, refusalDraft } from '../support/statements.js';

describe('the record', () => {
  let installation: TestInstallation;
  let gateway: TestProcess;
  let notary: TestProcess;

  beforeAll(async () => {
    installation = await installForTest();
    [gateway, notary] = await Promise.all([installation.become('gateway'), installation.become('notary')]);
  });
  afterAll(() => installation.close());

  const freshRequest = () => recordRequest(gateway.record, installation.agent);

  it('outlives a connection that breaks between two queries of a transaction', async () => {
    const broken = inTransaction(gateway.pool, async (client) => {
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
      const gone = new Promise<void>((resolve) => client.once('end', resolve));
      await installation.inRecord((admin) => admin.query('select pg_terminate_backend($1)', [rows[0]?.pid]));
      await gone;
      await client.query('select 1');
    });
    await expect(broken).rejects.toMatchObject({ service: 'record', temporary: true });
    await expect(gateway.record.listActions({ limit: 1 })).resolves.toBeInstanceOf(Array);
  });

  describe('appending', () => {
    it('numbers, chains, signs with the key of the kind, and reads back what it wrote', async () => {
      const request = await freshRequest();
      const [refusal, decision] = await gateway.record.append([refusalDraft(request), decisionDraft(request)]);
      expect(refusal?.envelope.signatures[0]?.keyid).toBe('intake/1');
      expect(decision?.envelope.signatures[0]?.keyid).toBe('decision/1');
      expect(decision?.statement.predicate.chain).toEqual({
        process: 'gateway',
        number: (refusal?.statement.predicate.chain?.number ?? 0) + 1,
        previous: refusal?.digest,
      });
      const read = await notary.record.ofAction(request.actionId);
      expect(read.map(({ kind }) => kind)).toEqual(['request', 'refusal', 'decision']);
      expect(read[2]).toEqual(decision);
      expect(latest(read, 'decision')?.body).toEqual(decisionDraft(request).body);
    });

    it('is idempotent by key: a second draft is answered with the first statement, also inside one call', async () => {
      const request = await freshRequest();
      const [first] = await gateway.record.append([refusalDraft(request, 'first', 'k')]);
      const [second, other, twin] = await gateway.record.append([
        refusalDraft(request, 'second', 'k'),
        refusalDraft(request, 'other', 'l'),
        refusalDraft(request, 'twin', 'l'),
      ]);
      expect(second).toEqual(first);
      expect(twin).toEqual(other);
      expect(allOf(await gateway.record.ofAction(request.actionId), 'refusal').map(({ body }) => body.message)).toEqual(
        ['first', 'other'],
      );
    });

    it('writes one statement when two kinds of process append under one key at once', async () => {
      const request = await freshRequest();
      const appended = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          (index % 2 === 0 ? gateway : notary).record.append([refusalDraft(request, String(index), 'race')]),
        ),
      );
      expect(new Set(appended.map(([statement]) => statement?.digest)).size).toBe(1);
    });

    it('keeps one unbroken chain when two processes of one kind append at once', async () => {
      const request = await freshRequest();
      const twin = await installation.become('gateway');
      const before = await gateway.record.verifyChain('gateway');
      await Promise.all(
        Array.from({ length: 40 }, (_, index) =>
          (index % 2 === 0 ? gateway : twin).record.append([refusalDraft(request, String(index))]),
        ),
      );
      expect(await gateway.record.verifyChain('gateway')).toEqual({ length: before.length + 40, faults: [] });
      const refusals = allOf(await notary.record.ofAction(request.actionId), 'refusal');
      expect(new Set(refusals.map(({ body }) => body.message)).size).toBe(40);
    });

    it('goes on from the end of the chain when its answer was lost, and writes nothing of it twice', async () => {
      const request = await freshRequest();
      const losing = losingAnswers(gateway.pool);
      const { keys, agent, vault } = installation;
      const intake = await createTransitSigner({
        client: gateway.vault,
        mount: vault.mounts.transit,
        purpose: 'intake',
      });
      const writer = createRecord({
        pool: losing.pool,
        process: 'gateway',
        signers: { intake },
        keyring: () => keys,
        agentKeys: () => [agent.publicKey],
      });
      const before = await gateway.record.verifyChain('gateway');
      // The first finds out where the chain ends; the next one is written behind it in one round trip.
      await writer.append([refusalDraft(request, 'first', 'a')]);
      losing.loseNext();
      await expect(writer.append([refusalDraft(request, 'lost', 'b')])).rejects.toMatchObject({ temporary: true });
      // And another process of the kind comes in between.
      await gateway.record.append([refusalDraft(request, 'between', 'c')]);
      const drafts = [refusalDraft(request, 'lost', 'b'), refusalDraft(request, 'last', 'd')];
      expect((await writer.append(drafts)).map(({ key }) => key)).toEqual(['b', 'd']);
      expect(await gateway.record.verifyChain('gateway')).toEqual({ length: before.length + 4, faults: [] });
      const refusals = allOf(await notary.record.ofAction(request.actionId), 'refusal');
      expect(refusals.map(({ body }) => body.message)).toEqual(['first', 'lost', 'between', 'last']);
    });

    it('makes writers wait for each other: none is turned away, however many append at once', async () => {
      const request = await freshRequest();
      const before = await gateway.record.verifyChain('gateway');
      const intake = makeKey('intake/1').signer;
      // As many processes as this: within one, calls share a transaction and never compete.
      const writers = Array.from({ length: 8 }, () =>
        createRecord({
          pool: gateway.pool,
          process: 'gateway',
          signers: { intake },
          keyring: () => installation.keys,
          agentKeys: () => [installation.agent.publicKey],
        }),
      );
      const appended = await Promise.allSettled(writers.map((writer) => writer.append([refusalDraft(request)])));
      expect(appended.map(({ status }) => status)).toEqual(writers.map(() => 'fulfilled'));
      expect(await gateway.record.verifyChain('gateway')).toEqual({ length: before.length + 8, faults: [] });
    });

    it.each([
      [
        'a body that its schema refuses',
        () => ({
          ...refusalDraft({ actionId: newActionId(), requestDigest: 'f'.repeat(64) }),
          body: { code: 1 } as never,
        }),
      ],
      ['a digest that is none', () => refusalDraft({ actionId: newActionId(), requestDigest: 'short' })],
      [
        'a kind that this process has no key for',
        () => receiptDraft({ actionId: newActionId(), requestDigest: 'f'.repeat(64) }),
      ],
      [
        'a kind that only an agent signs',
        async () => ({
          kind: 'request' as const,
          actionId: newActionId(),
          requestDigest: 'f'.repeat(64),
          body: (await makeRequest(installation.agent)).body,
        }),
      ],
    ])('refuses %s, and writes nothing of the batch', async (_, makeDraft) => {
      const request = await freshRequest();
      const { length } = await gateway.record.verifyChain('gateway');
      await expect(gateway.record.append([refusalDraft(request), await makeDraft()])).rejects.toMatchObject({
        code: 'statement_invalid',
      });
      expect((await gateway.record.verifyChain('gateway')).length).toBe(length);
    });

    it('writes nothing and faults when the signer does not sign', async () => {
      const request = await freshRequest();
      const fault = new ServiceFault('vault', 'away', true);
      const record = createRecord({
        pool: gateway.pool,
        process: 'gateway',
        signers: { intake: { keyid: 'intake/1', sign: () => Promise.reject(fault) } },
        keyring: () => installation.keys,
        agentKeys: () => [installation.agent.publicKey],
      });
      await expect(record.append([refusalDraft(request)])).rejects.toBe(fault);
      expect(allOf(await gateway.record.ofAction(request.actionId), 'refusal')).toEqual([]);
      await expect(gateway.record.append([refusalDraft(request)])).resolves.toHaveLength(1); // the chain is not locked
    });

    it('faults, temporarily and without the password, when the database is away', async () => {
      const pool = createRecordPool({ url: new Secret('postgres://someone:hunter2-canary@127.0.0.1:1/none') });
      const record = createRecord({
        pool,
        process: 'gateway',
        signers: { intake: makeKey('intake/1').signer },
        keyring: () => installation.keys,
        agentKeys: () => [],
      });
      const request = await makeRequest(installation.agent);
      const error: unknown = await record.append([refusalDraft(request)]).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ name: 'ServiceFault', service: 'record', temporary: true });
      expect((error as Error).message).not.toContain('hunter2');
      await expect(record.ofAction(request.actionId)).rejects.toMatchObject({ service: 'record', temporary: true });
      await record.close();
    });
  });

  describe('what agents sign', () => {
    it('is new once, then known; a second request under the id is refused', async () => {
      const request = await makeRequest(installation.agent);
      const again = await makeRequest(installation.agent, { actionId: request.actionId, reason: 'Another reason' });
      expect(await gateway.record.appendAgentStatement('request', request.actionId, request.envelope)).toBe('new');
      expect(await gateway.record.appendAgentStatement('request', request.actionId, request.envelope)).toBe('known');
      await expect(
        gateway.record.appendAgentStatement('request', again.actionId, again.envelope),
      ).rejects.toMatchObject({ code: 'action_id_spent' });
      expect(await gateway.record.ofAction(request.actionId)).toHaveLength(1);
    });

    it('spends an action id once, however many ask at the same time', async () => {
      const actionId = newActionId();
      const requests = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          makeRequest(installation.agent, { actionId, reason: `Reason ${String(index)}` }),
        ),
      );
      const outcomes = await Promise.allSettled(
        requests.map(({ envelope }) => gateway.record.appendAgentStatement('request', actionId, envelope)),
      );
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    });

    it.each([
      ['signed by another key', async () => makeRequest(makeKey('agent/export-bot'))],
      [
        'of an agent that the directory does not have',
        async () => makeRequest(makeKey('agent/ghost'), { agent: 'ghost' }),
      ],
      [
        'whose subject is another request',
        async () => {
          const request = await makeRequest(installation.agent);
          return {
            ...request,
            envelope: await sealStatement(
              'request',
              request.actionId,
              'f'.repeat(64),
              request.body,
              installation.agent,
            ),
          };
        },
      ],
      [
        'that names another action',
        async () => ({ ...(await makeRequest(installation.agent)), actionId: newActionId() }),
      ],
    ])('is refused when it is a request %s', async (_, make) => {
      const { actionId, envelope } = await make();
      await expect(gateway.record.appendAgentStatement('request', actionId, envelope)).rejects.toMatchObject({
        code: 'statement_invalid',
      });
      expect(await gateway.record.ofAction(actionId)).toEqual([]);
    });

    it('may withdraw a request on record, and no other', async () => {
      const { actionId, requestDigest } = await freshRequest();
      const body = { actionId, agent: 'export-bot', reason: 'Not needed', withdrawnAtMs: 1_795_000_050_000 };
      const envelope = await sealStatement('withdrawal', actionId, requestDigest, body, installation.agent);
      expect(await gateway.record.appendAgentStatement('withdrawal', actionId, envelope)).toBe('new');
      expect((await gateway.record.ofAction(actionId)).map(({ kind }) => kind)).toEqual(['request', 'withdrawal']);
      const unknown = newActionId();
      const stray = await sealStatement(
        'withdrawal',
        unknown,
        requestDigest,
        { ...body, actionId: unknown },
        installation.agent,
      );
      await expect(gateway.record.appendAgentStatement('withdrawal', unknown, stray)).rejects.toMatchObject({
        code: 'action_unknown',
      });
    });
  });

  describe('listing', () => {
    it('gives the newest first, by agent, open only, and page by page', async () => {
      const ids: string[] = [];
      for (let count = 0; count < 3; count += 1) ids.unshift((await freshRequest()).actionId);
      const closed = await freshRequest();
      await notary.record.append([receiptDraft(closed)]);
      expect((await gateway.record.listActions({ limit: 4 })).sort()).toEqual([...ids, closed.actionId].sort());
      const all = await gateway.record.listActions({ limit: 1_000 });
      expect(all).toEqual([...all].sort().reverse());
      expect(await gateway.record.listActions({ limit: 1_000, open: true })).not.toContain(closed.actionId);
      expect(await gateway.record.listActions({ limit: 1_000, agent: 'other-bot' })).toEqual([]);
      expect(await gateway.record.listActions({ limit: 1, agent: 'export-bot', before: all[1] ?? '' })).toEqual([
        all[2],
      ]);
    });
  });
});
