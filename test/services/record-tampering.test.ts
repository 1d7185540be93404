import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { payloadDigest, seal } from '../../src/core/dsse.js';
import { buildStatement } from '../../src/core/statement.js';
import { createRecord } from '../../src/record/postgres-record.js';
import { createTransitSigner } from '../../src/vault/transit-signer.js';
import { installForTest, type TestInstallation, type TestProcess } from '../support/installation.js';
import { makeKey, sealStatement } from '../support/signing.js';
import { claimDraft, decisionDraft, makeRequest, recordRequest, refusalDraft } from '../support/statements.js';

describe('a record that a superuser tampered with', () => {
  let installation: TestInstallation;
  let gateway: TestProcess;
  let notary: TestProcess;

  beforeAll(async () => {
    installation = await installForTest();
    [gateway, notary] = await Promise.all([installation.become('gateway'), installation.become('notary')]);
  });
  afterAll(() => installation.close());

  const freshRequest = () => recordRequest(gateway.record, installation.agent);

  const tamper = (sql: string, values: unknown[]) =>
    installation.inRecord(async (client) => {
      await client.query('set session_replication_role = replica'); // silences the triggers
      const { rowCount } = await client.query(sql, values);
      expect(rowCount).toBe(1);
    });

  it('shows a deleted row as a gap, and leaves the other chains whole', async () => {
    const request = await freshRequest();
    const [statement] = await notary.record.append([
      refusalDraft(request),
      refusalDraft(request),
      refusalDraft(request),
    ]);
    await tamper('delete from countersign.statements where digest = $1', [statement?.digest]);
    expect((await gateway.record.verifyChain('notary')).faults).toEqual([
      { number: statement?.statement.predicate.chain?.number, kind: 'missing' },
    ]);
    expect((await gateway.record.verifyChain('gateway')).faults).toEqual([]);
  });

  it.each([
    ['its kind', "update countersign.statements set kind = 'fetch' where digest = $1", /not a fetch|key_unknown/],
    [
      'its action',
      "update countersign.statements set action_id = '01ARZ3NDEKTSV4RRFFQ69G5FAV' where digest = $1",
      /it is about/,
      '01ARZ3NDEKTSV4RRFFQ69G5FAV',
    ],
    [
      'its signature',
      `update countersign.statements set envelope = jsonb_set(envelope::jsonb, '{signatures,0,sig}', '"${Buffer.alloc(64).toString('base64')}"') where digest = $1`,
      /signature_invalid/,
    ],
    [
      'its payload',
      `update countersign.statements set envelope = jsonb_set(envelope::jsonb, '{payload}', '"e30="') where digest = $1`,
      /signature_invalid/,
    ],
    [
      'its envelope into no JSON',
      `update countersign.statements set envelope = 'nonsense' where digest = $1`,
      /is not JSON/,
    ],
    [
      'its digest',
      `update countersign.statements set digest = repeat('0', 64) where digest = $1`,
      /under another digest/,
    ],
    [
      'its number',
      'update countersign.statements set number = number + 1000000 where digest = $1',
      /at another place of its chain/,
    ],
    [
      'its process',
      "update countersign.statements set process = 'executor' where digest = $1",
      /at another place of its chain/,
    ],
  ])('refuses to read an action past a statement when someone changed %s', async (_, sql, why, movedTo?: string) => {
    const request = await freshRequest();
    const [decision] = await gateway.record.append([decisionDraft(request)]);
    await expect(notary.record.ofAction(request.actionId)).resolves.toHaveLength(2); // verified and remembered once
    await tamper(sql, [decision?.digest]);
    const invalid = { code: 'statement_invalid', message: expect.stringMatching(why) as string };
    await expect(notary.record.ofAction(movedTo ?? request.actionId)).rejects.toMatchObject(invalid);
    // Beside it, the others are read all the same.
    const other = await freshRequest();
    const both = await notary.record.ofActions([movedTo ?? request.actionId, other.actionId]);
    expect(both).toMatchObject([invalid, [{ kind: 'request' }]]);
    await tamper('delete from countersign.statements where sequence = $1', [decision?.sequence]);
  });

  it('refuses a refusal that was moved to another action', async () => {
    // A refusal may be about something else that was sent, so its action's name is all that ties it to the action.
    const [request, other] = [await freshRequest(), await freshRequest()];
    const [refusal] = await gateway.record.append([refusalDraft(request)]);
    await tamper('update countersign.statements set action_id = $2 where digest = $1', [
      refusal?.digest,
      other.actionId,
    ]);
    await expect(gateway.record.ofAction(other.actionId)).rejects.toMatchObject({ code: 'statement_invalid' });
  });

  it('refuses a decision signed by a key that may not sign decisions', async () => {
    const request = await freshRequest();
    const executor = await installation.become('executor');
    const [claim] = await executor.record.append([claimDraft(request)]);
    // A good signature, of one of our own processes: what it may state is all that stands against it.
    const { mounts } = installation.vault;
    const signer = await createTransitSigner({ client: executor.vault, mount: mounts.transit, purpose: 'executor' });
    const chain = { process: 'gateway', number: 999_999, previous: '0'.repeat(64) } as const;
    const { actionId, requestDigest, body } = decisionDraft(request);
    const forged = buildStatement('decision', { actionId, requestDigest, body, chain });
    const [envelope] = await seal([forged], signer);
    await tamper(
      "update countersign.statements set kind = 'decision', process = 'gateway', number = 999999, envelope = $2 where digest = $1",
      [claim?.digest, JSON.stringify(envelope)],
    );
    await expect(gateway.record.ofAction(request.actionId)).rejects.toThrow(/does not verify \(key_unknown\)/);
  });

  it('refuses what its own process stated about another request under the same action', async () => {
    const [request, other] = [await freshRequest(), await freshRequest()];
    const { requestDigest } = other;
    const [stray] = await gateway.record.append([{ ...decisionDraft(request), requestDigest }]);
    await expect(gateway.record.ofAction(request.actionId)).rejects.toThrow(/a decision is about another request/);
    await tamper('delete from countersign.statements where digest = $1', [stray?.digest]);
  });

  it('refuses two requests of the agent’s under one action', async () => {
    const { actionId } = await freshRequest();
    const [refusal] = await gateway.record.append([refusalDraft(await freshRequest())]);
    const { envelope } = await makeRequest(installation.agent, { actionId, reason: 'Another' });
    await tamper(
      "update countersign.statements set kind = 'request', process = null, number = null, previous = null, action_id = $2, envelope = $3, digest = $4 where digest = $1",
      [refusal?.digest, actionId, JSON.stringify(envelope), payloadDigest(envelope)],
    );
    await expect(gateway.record.ofAction(actionId)).rejects.toThrow(/two requests hold the same action id/);
    await tamper('delete from countersign.statements where digest = $1', [payloadDigest(envelope)]);
  });

  it('refuses the withdrawal of another agent, though its signature and its subject hold', async () => {
    const { actionId, requestDigest } = await freshRequest();
    const other = makeKey('agent/other-bot');
    const body = { actionId, agent: 'other-bot', reason: 'Mine now', withdrawnAtMs: 1_795_000_050_000 };
    const envelope = await sealStatement('withdrawal', actionId, requestDigest, body, other);
    await tamper(
      "insert into countersign.statements (kind, action_id, digest, envelope) values ('withdrawal', $1, $2, $3)",
      [actionId, payloadDigest(envelope), JSON.stringify(envelope)],
    );
    const reader = createRecord({
      pool: notary.pool,
      process: 'notary',
      signers: {},
      keyring: () => installation.keys,
      agentKeys: (agent) => [agent === 'other-bot' ? other.publicKey : installation.agent.publicKey],
    });
    await expect(reader.ofAction(actionId)).rejects.toThrow(/another agent withdrew the request/);
    await tamper('delete from countersign.statements where digest = $1', [payloadDigest(envelope)]);
  });

  it('refuses statements whose request was removed', async () => {
    const request = await freshRequest();
    await gateway.record.append([decisionDraft(request)]);
    await tamper("delete from countersign.statements where action_id = $1 and kind = 'request'", [request.actionId]);
    await expect(gateway.record.ofAction(request.actionId)).rejects.toThrow(/a decision, but no request/);
  });
});
