import { ApplicationFailure } from '@temporalio/common';
import { WorkflowFailedError, WorkflowUpdateFailedError } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import { decideSignal, learnKeysUpdate, reviewStateQuery, withdrawUpdate } from '../../src/contracts/workflow.js';
import type { Prepared } from '../../src/contracts/activities.js';
import type { PublicKey } from '../../src/core/dsse.js';
import { makeKey, sealStatement } from '../support/signing.js';
import { useYard } from '../support/use-yard.js';
import { DIGEST, type Bench, type DecisionParts, type Script } from './harness.js';

const MINUTE_MS = 60_000;
const yard = useYard();

const withPlan = (plan: Partial<Prepared['plan']>) => ({
  prepared: (base: Prepared): Prepared => ({ ...base, plan: { ...base.plan, ...plan } }),
});

async function refusalOf(attempt: Promise<unknown>): Promise<string | undefined | null> {
  const error = await attempt.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (!(error instanceof WorkflowUpdateFailedError)) throw new Error(`not refused: ${String(error)}`);
  return error.cause instanceof ApplicationFailure ? error.cause.type : 'unknown';
}

/** Waits until the review is open. */
async function opened(bench: Bench): Promise<void> {
  await expect.poll(async () => (await bench.handle.query(reviewStateQuery)).phase).toBe('waiting');
}

describe('a review', () => {
  it('runs the action once the one approval that policy asks for is there', async () => {
    await yard.withAction({}, async (bench) => {
      await opened(bench);
      expect(await bench.approve('ana', ['dba'])).toEqual({ state: 'filled', open: [] });
      expect((await bench.result()).outcome.status).toBe('succeeded');
      expect(bench.seen).toMatchObject({ ran: 1, concluded: [{ ended: { kind: 'ran' }, closing: false }] });
    });
  });

  it('keeps no stacks of its promises while it waits', async () => {
    await yard.withAction({}, async (bench) => {
      await opened(bench);
      // One frame is left of each: the SDK's own, or, from Node 24 on, the one behind.
      expect(await bench.handle.query<string>('__stack_trace')).not.toMatch(/^ +at .*\n +at /m);
    });
  });

  it('runs an automatic action without asking anyone', async () => {
    await yard.withAction(withPlan({ stages: [] }), async (bench) => {
      expect((await bench.result()).outcome.status).toBe('succeeded');
      expect(bench.seen.announced).toEqual([]);
    });
  });

  it.each([
    [true, ['opened', 'decided']],
    [undefined, ['opened', 'decided']],
    [false, []],
  ])('is announced, unless the worker posts to no channel: %s', async (announces, expected) => {
    const prepared = (base: Prepared): Prepared => ({ ...base, ...(announces !== undefined && { announces }) });
    await yard.withAction({ prepared }, async (bench) => {
      await opened(bench);
      await expect.poll(() => bench.seen.announced).toEqual(expected.slice(0, 1));
      await bench.approve('ana', ['dba']);
      await bench.result();
      // The end is told by `conclude`; what was still to be told then is not.
      expect(expected).toEqual(expect.arrayContaining(bench.seen.announced));
    });
  });

  it('ends with the denial, and nothing runs', async () => {
    await yard.withAction({}, async (bench) => {
      await opened(bench);
      expect((await bench.approve('ana', ['dba'], { decision: 'deny' })).state).toBe('denied');
      expect((await bench.result()).outcome).toMatchObject({ status: 'denied', code: 'denied_by_person' });
      expect(bench.seen.ran).toBe(0);
    });
  });

  it('expires after weeks as denied, after at most twelve reminders with doubling waits', async () => {
    const long = {
      prepared: (base: Prepared): Prepared => ({
        ...base,
        plan: { ...base.plan, remindAfterMs: MINUTE_MS },
        expiresAtMs: base.openedAtMs + 14 * 24 * 60 * MINUTE_MS,
      }),
    };
    await yard.withAction(long, async (bench) => {
      expect((await bench.result()).outcome.status).toBe('expired');
      expect(bench.seen.ran).toBe(0);
      expect(bench.seen.announced.filter((event) => event === 'reminded')).toHaveLength(12);
    });
  });

  it.each([
    ['at once', 0, ['opened', 'paged']],
    ['after its time, between reminders', 3 * MINUTE_MS, ['opened', 'reminded', 'paged', 'reminded']],
  ])('pages %s, once', async (_, pageAfterMs, announced) => {
    await yard.withAction(withPlan({ pageAfterMs, remindAfterMs: 2 * MINUTE_MS }), async (bench) => {
      await opened(bench);
      await yard.environment.sleep(7 * MINUTE_MS);
      const first = bench.seen.announced.slice(0, announced.length);
      expect(first).toEqual(announced);
      expect((await bench.approve('ana', ['dba'])).state).toBe('filled');
      await bench.result();
      expect(bench.seen.announced.filter((event) => event === 'paged')).toHaveLength(1);
    });
  });

  it('lets a member of an escalation group fill a place only after its timer', async () => {
    const escalating = withPlan({ escalations: [{ afterMs: 10 * MINUTE_MS, group: 'dba-lead' }] });
    await yard.withAction(escalating, async (bench) => {
      await opened(bench);
      expect(await refusalOf(bench.approve('dave', ['dba-lead']))).toBe('not_an_approver');
      await yard.environment.sleep(11 * MINUTE_MS);
      expect((await bench.approve('dave', ['dba-lead'])).state).toBe('filled');
      expect((await bench.result()).outcome.status).toBe('succeeded');
      expect(bench.seen.escalated).toEqual(['dba-lead']);
    });
  });

  it('needs two people for a quorum of two, though one of them is in two groups', async () => {
    const two = withPlan({
      stages: [
        { group: 'data-owner', quorum: 1 },
        { group: 'dba', quorum: 1 },
      ],
    });
    await yard.withAction(two, async (bench) => {
      await opened(bench);
      const first = await bench.approve('carol', ['data-owner', 'dba']);
      expect(first.state).toBe('waiting');
      expect(await refusalOf(bench.approve('carol', ['data-owner', 'dba']))).toBe('already_decided');
      expect((await bench.approve('ana', ['dba'])).state).toBe('filled');
      expect((await bench.result()).outcome.status).toBe('succeeded');
    });
  });

  it('is announced at once and ends when too few people remain to fill it', async () => {
    await yard.withAction({ prepared: (base) => ({ ...base, fillable: 'never' }) }, async (bench) => {
      expect((await bench.result()).outcome.code).toBe('quorum_unfillable');
      expect(bench.seen.ran).toBe(0);
    });
  });

  it('ends when the agent withdraws with its own signature, and with no other', async () => {
    await yard.withAction({}, async (bench) => {
      await opened(bench);
      const body = { actionId: bench.actionId, agent: 'export-bot', reason: 'not needed any more', withdrawnAtMs: 1 };
      const forged = await sealStatement('withdrawal', bench.actionId, DIGEST, body, makeKey('agent/export-bot'));
      expect(await refusalOf(bench.handle.executeUpdate(withdrawUpdate, { args: [forged] }))).toBe('signature_invalid');
      const signed = await sealStatement('withdrawal', bench.actionId, DIGEST, body, bench.agent);
      await bench.handle.executeUpdate(withdrawUpdate, { args: [signed] });
      expect((await bench.result()).outcome.status).toBe('withdrawn');
    });
  });

  it('concludes when it is cancelled', async () => {
    await yard.withAction({}, async (bench) => {
      await opened(bench);
      await bench.handle.cancel();
      expect((await bench.result()).outcome.status).toBe('cancelled');
      expect(bench.seen.concluded).toHaveLength(1);
    });
  });

  it('opens again, with all decisions dropped, when the executor asks for it', async () => {
    const again = {
      run: async (attempt: number) =>
        attempt === 1
          ? ({ kind: 'review_again', reopened: { code: 'target_changed', message: 'a column was added' } } as const)
          : ({ kind: 'finished', outcome: { status: 'succeeded', code: 'succeeded', message: 'done' } } as const),
    };
    await yard.withAction(again, async (bench) => {
      await opened(bench);
      await bench.approve('ana', ['dba']);
      await expect
        .poll(() => bench.seen.rounds)
        .toEqual([
          { round: 1, reopened: null },
          { round: 2, reopened: 'target_changed' },
        ]);
      await opened(bench);
      expect(await refusalOf(bench.approve('ben', ['dba'], { round: 1 }))).toBe('digest_mismatch');
      expect((await bench.approve('ana', ['dba'], { round: 2 })).state).toBe('filled');
      expect((await bench.result()).outcome.status).toBe('succeeded');
      expect(bench.seen.ran).toBe(2);
    });
  });

  it('fails with the refusal itself when the request is refused', async () => {
    const refused = {
      prepareFails: () =>
        ApplicationFailure.create({ type: 'agent_unknown', message: 'no such agent', nonRetryable: true }),
    };
    await yard.withAction(refused, async (bench) => {
      const error = await bench.result().catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(WorkflowFailedError);
      expect((error as WorkflowFailedError).cause).toMatchObject({ type: 'agent_unknown' });
      expect(bench.seen).toMatchObject({
        ran: 0,
        concluded: [{ ended: { status: 'refused', code: 'agent_unknown' } }],
      });
    });
  });
});

describe('a decision by update is refused', () => {
  const forged = makeKey('decision/1');
  const cases: { name: string; person?: string; groups?: string[]; overrides: Partial<DecisionParts>; code: string }[] =
    [
      { name: 'with a forged signature', overrides: { key: forged }, code: 'signature_invalid' },
      { name: 'with an unknown key', overrides: { key: makeKey('decision/9') }, code: 'key_unknown' },
      { name: 'for another digest', overrides: { actionDigest: 'e'.repeat(64) }, code: 'digest_mismatch' },
      { name: 'for another round', overrides: { round: 2 }, code: 'digest_mismatch' },
      { name: 'for another run', overrides: { runId: 'another-run' }, code: 'run_mismatch' },
      { name: 'from the owner', person: 'olivia', overrides: {}, code: 'self_approval' },
      { name: 'from someone in no group of the plan', groups: ['marketing'], overrides: {}, code: 'not_an_approver' },
    ];
  it.each(cases)('$name', async ({ person = 'ana', groups = ['dba'], overrides, code }) => {
    await yard.withAction({}, async (bench) => {
      await opened(bench);
      expect(await refusalOf(bench.approve(person, groups, overrides))).toBe(code);
      await bench.approve('ben', ['dba']);
      await bench.result();
    });
  });

  it.each([
    null,
    7,
    'x',
    [],
    {},
    { payload: 1 },
    { payloadType: 'a', payload: '!', signatures: [{ keyid: 'decision/1', sig: '!' }] },
  ])('when it is %j, which must not block the workflow', async (nonsense) => {
    await yard.withAction({}, async (bench) => {
      await opened(bench);
      expect(['envelope_malformed', 'payload_type_unknown', 'key_unknown']).toContain(
        await refusalOf(bench.send(nonsense)),
      );
      await bench.approve('ana', ['dba']);
      expect((await bench.result()).outcome.status).toBe('succeeded');
    });
  });
});

describe('a decision by signal', () => {
  it('counts when an activity has verified it', async () => {
    const verified = {
      verifyHint: () => ({
        person: 'ana',
        groups: ['dba'],
        decision: 'approve' as const,
        reason: 'ok',
        decidedAtMs: 1,
      }),
    };
    await yard.withAction(verified, async (bench) => {
      await opened(bench);
      await bench.handle.signal(decideSignal, { any: 'thing' });
      expect((await bench.result()).outcome.status).toBe('succeeded');
    });
  });

  it('changes nothing when it is nonsense, nor when the agent signals its own approval', async () => {
    await yard.withAction({}, async (bench) => {
      await opened(bench);
      const nonsense = [undefined, null, 'approve', { approved: true }, [[[]]]];
      const own = await bench.decision('olivia', ['dba'], { key: bench.agent });
      for (const signal of [...nonsense, own]) await bench.handle.signal(decideSignal, signal);
      await expect.poll(() => bench.seen.hints).toBe(nonsense.length + 1);
      expect((await bench.handle.query(reviewStateQuery)).approvals).toEqual([]);
      expect(bench.seen.ran).toBe(0);
      await bench.approve('ana', ['dba']);
      expect((await bench.result()).outcome.status).toBe('succeeded');
    });
  });
});

it.each<[unknown]>([[undefined], [null], ['prepared'], [{}]])(
  'a preparation that answers %o ends the action, and blocks nothing',
  async (answer) => {
    await yard.withAction({ prepared: () => answer as never }, async (bench) => {
      await bench.result().catch(() => undefined);
      expect((await bench.handle.describe()).status.name).not.toBe('RUNNING');
      expect(bench.seen.ran).toBe(0);
    });
  },
);

describe('a key that was rotated while the action waits', () => {
  it('counts once the action has learned it, and what the old one signed still does', async () => {
    const rotated = makeKey('decision/2');
    const script: Script = {
      prepared: (base) => ({ ...base, plan: { ...base.plan, stages: [{ group: 'dba', quorum: 2 }] } }),
      readKeys: () => ({ decisionKeys: [...oldKeys, rotated.publicKey], intakeKeys: [] }),
    };
    let oldKeys: PublicKey[] = [];
    await yard.withAction(script, async (bench) => {
      oldKeys = [bench.gateway.publicKey];
      await opened(bench);
      expect((await bench.approve('ana', ['dba'])).state).toBe('waiting');
      expect(await refusalOf(bench.approve('bob', ['dba'], { key: rotated }))).toBe('key_unknown');
      await bench.handle.executeUpdate(learnKeysUpdate);
      expect((await bench.approve('bob', ['dba'], { key: rotated })).state).toBe('filled');
      expect((await bench.result()).outcome.status).toBe('succeeded');
    });
  });

  // Whoever completes an activity by id may answer so, also by a payload that cannot be opened.
  it.each<[unknown]>([[undefined], ['keys'], [{}], [{ decisionKeys: null, intakeKeys: null }]])(
    'is not learned from %o, which blocks nothing',
    async (answer) => {
      await yard.withAction({ readKeys: () => answer as never }, async (bench) => {
        await opened(bench);
        await bench.handle.executeUpdate(learnKeysUpdate);
        await bench.approve('ana', ['dba']);
        expect((await bench.result()).outcome.status).toBe('succeeded');
      });
    },
  );

  it('is learned a bounded number of times', async () => {
    await yard.withAction({}, async (bench) => {
      await opened(bench);
      for (let time = 0; time < 20; time += 1) await bench.handle.executeUpdate(learnKeysUpdate);
      expect(await refusalOf(bench.handle.executeUpdate(learnKeysUpdate))).toBe('quota_exceeded');
      await bench.handle.cancel();
    });
  });
});
