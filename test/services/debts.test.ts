import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { putClaim, type Claimable } from '../../activities/claim.js';
import { digestOf } from '../../src/core/json.js';
import { buildStatement } from '../../src/core/statement.js';
import { payloadDigest, seal } from '../../src/core/dsse.js';
import type { StatementBody } from '../../src/core/schemas/statements.js';
import { createTransitSigner } from '../../src/vault/transit-signer.js';
import { lackOfPayment } from '../../src/enforcement/debts.js';
import { debtOf, GLASS_KEY_END } from '../../src/record/debts.js';
import { allOf } from '../../src/record/record.js';
import { UNJUSTIFIED_BREAK_GLASS } from '../../src/record/verify-statement.js';
import { plantStatement } from '../adversarial/plant.js';
import { installForTest, type TestInstallation, type TestProcess } from '../support/installation.js';
import { makeRequest } from '../support/statements.js';

const NOW_MS = Date.now();
const breakGlass = { stages: [{ group: 'security', quorum: 2 }], leaseTtlSeconds: 60, reviewWithinMs: 86_400_000 };

let installation: TestInstallation;
let gateway: TestProcess;
let worker: TestProcess;
let executors: [TestProcess, TestProcess];

beforeAll(async () => {
  installation = await installForTest();
  const become = (process: 'gateway' | 'worker' | 'executor') => installation.become(process);
  [gateway, worker] = await Promise.all([become('gateway'), become('worker')]);
  executors = await Promise.all([become('executor'), become('executor')]);
});
afterAll(() => installation.close());

/** An action whose glass erin and fay broke: all that comes before its claim is on record. */
async function broken(): Promise<Claimable> {
  const made = await makeRequest(installation.agent, {});
  const { actionId, requestDigest } = made;
  await gateway.record.appendAgentStatement('request', actionId, made.envelope);
  const plan = {
    ...{ stages: [{ group: 'dba', quorum: 1 }], escalations: [], remindAfterMs: null, expireAfterMs: 60_000 },
    ...{ leaseTtlSeconds: 60, assurance: 'any' as const, breakGlass, policies: ['p'] },
  };
  const snapshot = {
    ...{ actionId, operation: 'database.export', params: {}, agent: 'export-bot', leaseRole: 'r', expiresAtMs: NOW_MS },
    ...{ fingerprint: digestOf(''), previewDigest: digestOf(''), planDigest: digestOf(plan) },
  };
  const actionDigest = digestOf(snapshot);
  const barred = [{ person: 'olivia', because: 'owns agent export-bot' }];
  const body = {
    ...{ round: 1, policy: { digest: digestOf(''), number: 1 }, plan, barred, snapshot, actionDigest },
    ...{ reopened: null, openedAtMs: NOW_MS },
  };
  await worker.record.append([{ kind: 'plan', actionId, requestDigest, body }]);
  for (const person of ['erin', 'fay']) {
    const decision = {
      ...{ round: 1, actionDigest, runId: 'run', decision: 'approve' as const, breakGlass: true as const },
      ...{ reason: 'The shop is down: nobody else is awake.', approver: { person, groups: ['security'] } },
      ...{ via: { channel: 'api', subject: person, eventId: person }, decidedAtMs: NOW_MS },
    };
    const key = `run/1/${person}${GLASS_KEY_END}`;
    await gateway.record.append([{ kind: 'decision', actionId, requestDigest, body: decision, key }]);
  }
  const [request] = allOf(await gateway.record.ofAction(actionId), 'request');
  if (request === undefined) throw new Error('broken: the request is not on record');
  return { request, requestDigest, plan: body, approvers: ['erin', 'fay'], brokenBy: ['erin', 'fay'] };
}

const idOf = ({ request }: Claimable): string => request.body.actionId;

/** Whether the executor takes it; false when something is owed. */
async function claim(action: Claimable, executor = executors[0]): Promise<boolean> {
  try {
    await putClaim({ record: executor.record, claims: executor.claims, clock: Date.now }, action, {
      attempt: 1,
      runId: 'run',
    });
    return true;
  } catch (error) {
    expect(error).toMatchObject({ name: 'ReviewAgain', code: 'debt_unpaid' });
    return false;
  }
}

/** Says on record that it was justified; `change` says how it differs from what pays. */
async function review(
  action: Claimable,
  person: string,
  change: Partial<StatementBody<'retrospective'>> = {},
): Promise<void> {
  const actionId = idOf(action);
  const body = { ...(await retrospectiveOf(actionId, person)), ...change };
  await gateway.record.append([{ kind: 'retrospective', actionId, requestDigest: action.requestDigest, body }]);
}

async function retrospectiveOf(actionId: string, person: string): Promise<StatementBody<'retrospective'>> {
  const debt = debtOf(await gateway.record.ofAction(actionId));
  return {
    ...{ claim: debt?.claim ?? '', verdict: 'justified', reason: 'It burned.', by: { person, groups: ['dba'] } },
    ...{ via: { channel: 'api', subject: person }, reviewedAtMs: Date.now() },
  };
}

const standing = async () => executors[1].record.debts({ chained: true });
const owed = async () => (await standing()).debts.map(({ actionId }) => actionId);

describe('a broken glass', () => {
  it('is one, of two that are broken at the same moment at two executors', async () => {
    for (let round = 0; round < 5; round += 1) {
      const pair = await Promise.all([broken(), broken()]);
      const taken = await Promise.all(pair.map((one, index) => claim(one, executors[index])));
      expect(taken.filter(Boolean)).toHaveLength(1);
      const [winner, loser] = taken[0] === true ? pair : [pair[1], pair[0]];
      expect(await owed()).toEqual([idOf(winner)]);
      await review(winner, 'ben');
      expect(await claim(loser)).toBe(true);
      await review(loser, 'ben');
      expect(await owed()).toEqual([]);
    }
  });

  it('may be tried again by its own action, and owes no more for that', async () => {
    const action = await broken();
    expect(await claim(action)).toBe(true);
    const again = { record: executors[1].record, claims: executors[1].claims, clock: Date.now };
    await putClaim(again, action, { attempt: 2, runId: 'run' });
    expect(await owed()).toEqual([idOf(action)]);
    await review(action, 'ben');
    expect(await owed()).toEqual([]);
  });

  it('is refused to the second of two executors that take the same attempt, as any attempt that comes too late', async () => {
    const action = await broken();
    const taking = executors.map(({ record, claims }) =>
      putClaim({ record, claims, clock: Date.now }, { ...action, brokenBy: null }, { attempt: 1, runId: 'run' }),
    );
    const lost = (await Promise.allSettled(taking)).filter(({ status }) => status === 'rejected');
    expect(lost).toMatchObject([{ reason: { name: 'Refusal', code: 'already_claimed' } }]);
  });

  it('of which a claim says nothing owes nothing: its plan was filled', async () => {
    const action = await broken();
    await claim({ ...action, brokenBy: null });
    expect(await owed()).toEqual([]);
  });

  it.each<[string, string, Partial<StatementBody<'retrospective'>>]>([
    ['by who broke it', 'erin', {}],
    ['by who is barred', 'olivia', {}],
    ['for a group that the plan does not name', 'gus', { by: { person: 'gus', groups: ['platform'] } }],
    ['of another claim', 'ben', { claim: 'c'.repeat(64) }],
  ])('is not reviewed %s', async (_, person, change) => {
    const action = await broken();
    expect(await claim(action)).toBe(true);
    await review(action, person, change);
    expect(await owed()).toEqual([idOf(action)]);
    await review(action, 'ben', { verdict: 'unjustified' });
    expect(await owed()).toEqual([]);
  });
});

describe('an incident', () => {
  it.each([
    ['gateway', 'effect_larger_than_preview'],
    ['executor', UNJUSTIFIED_BREAK_GLASS],
  ] as const)('of the %s is never one %s', async (process, code) => {
    const action = await broken();
    const actionId = idOf(action);
    const told = {
      actionId,
      agent: 'export-bot',
      severity: 'high' as const,
      sentence: 'So it is.',
      openedAtMs: NOW_MS,
    };
    const { record } = process === 'gateway' ? gateway : executors[0];
    const body = { ...told, code };
    await expect(
      record.append([{ kind: 'incident', actionId, requestDigest: action.requestDigest, body }]),
    ).rejects.toMatchObject({ code: 'statement_invalid' });
  });
});

it('what is owed is found by its index, however many statements there are', async () => {
  await installation.inRecord(async (client) => {
    await client.query('set enable_seqscan = off');
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(
      "explain select action_id from countersign.statements where kind in ('claim', 'decision') and key like '%/glass'",
    );
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('statements_broken_glass');
  });
});

describe('whoever writes the database', () => {
  let debt: Claimable;
  let reviewed: StatementBody<'retrospective'>;

  beforeAll(async () => {
    debt = await broken();
    expect(await claim(debt)).toBe(true);
    const { requestDigest } = debt;
    const effect = { actionDigest: debt.plan.actionDigest, step: 'execute', attempt: 1, startedAtMs: NOW_MS };
    const about = { actionId: idOf(debt), requestDigest };
    await executors[0].record.append([{ kind: 'effect', ...about, body: effect, key: 'execute' }]);
    reviewed = await retrospectiveOf(idOf(debt), 'ben');
    // Whatever is stated later hides no gap.
    await claim({ ...(await broken()), brokenBy: null });
  });

  it.each([
    ['removes the claim', `delete from kept where kind = 'claim'`],
    ['removes claim and effect', `delete from kept where kind in ('claim', 'effect')`],
    ['removes the decisions and the claim', `delete from kept where kind in ('decision', 'claim')`],
    ['removes all of it', 'delete from kept'],
    ['calls the rows otherwise', `update kept set key = 'x' || number where kind in ('claim', 'decision')`],
    ['calls the claim an effect', `update kept set kind = 'effect', key = 'e' where kind = 'claim'`],
    ['puts it under another action', `update kept set action_id = '01M82BEDCBHPE39GJ5Q8ZMGYDJ' where kind = 'claim'`],
  ])('and %s lets nobody break the next', async (_, change) => {
    const next = await broken();
    await changed(idOf(debt), change, async () => {
      const lack = lackOfPayment(await standing(), idOf(next));
      expect(['debt_unpaid', 'statement_invalid']).toContain(lack?.code);
      const dependencies = { record: executors[0].record, claims: executors[0].claims, clock: Date.now };
      await expect(putClaim(dependencies, next, { attempt: 1, runId: 'run' })).rejects.toMatchObject({
        code: lack?.code,
      });
    });
    expect(await owed()).toEqual([idOf(debt)]);
  });

  it.each(['worker', 'executor', 'intake'] as const)(
    'and plants a review signed by the %s pays nothing',
    async (purpose) => {
      const actionId = idOf(debt);
      const body = { ...reviewed, reason: `Says the ${purpose}.` };
      const chain = { process: 'gateway' as const, number: 1, previous: digestOf('') };
      const statement = buildStatement('retrospective', { actionId, requestDigest: debt.requestDigest, body, chain });
      const signer = await createTransitSigner({
        ...{ client: installation.vaultAdmin, mount: installation.vault.mounts.transit },
        purpose,
      });
      const [envelope] = await seal([statement], signer);
      if (envelope === undefined) throw new Error('nothing was sealed');
      await plantStatement({ installation }, { kind: 'retrospective', actionId, envelope, process: 'gateway' });
      expect(await standing()).toMatchObject({ unreadable: [actionId] });
      expect(lackOfPayment(await standing(), 'another')).toMatchObject({ code: 'statement_invalid' });
      await asOwner([`delete from countersign.statements where digest = '${payloadDigest(envelope)}'`]);
      expect(await owed()).toEqual([actionId]);
    },
  );
});

const asOwner = (statements: string[]): Promise<void> =>
  installation.inRecord(async (client) => {
    await client.query('begin');
    await client.query('alter table countersign.statements disable trigger all');
    for (const statement of statements) await client.query(statement);
    await client.query('alter table countersign.statements enable trigger all');
    await client.query('commit');
  });

/** Changes the action's statements as the owner of the database can, and puts them back. */
async function changed(actionId: string, change: string, work: () => Promise<void>): Promise<void> {
  const mine = `action_id = '${actionId}'`;
  const columns = 'kind, action_id, digest, process, number, previous, key, envelope, recorded_at_ms, sequence';
  const put = `insert into countersign.statements (${columns}) overriding system value select ${columns} from kept`;
  await asOwner([
    `create table kept as select * from countersign.statements where ${mine}`,
    'create table whole as select * from kept',
    `delete from countersign.statements where ${mine}`,
    change,
    put,
  ]);
  try {
    await work();
  } finally {
    await asOwner([
      'delete from countersign.statements where digest in (select digest from whole)',
      put.replace('from kept', 'from whole'),
      'drop table kept, whole',
    ]);
  }
}
