import { ApplicationFailure } from '@temporalio/common';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import { decideSignal, reviewStateQuery } from '../../src/contracts/workflow.js';
import type { Prepared } from '../../src/contracts/activities.js';
import { useYard } from '../support/use-yard.js';
import type { Bench, DecisionParts } from './harness.js';

const HOUR_MS = 3_600_000;
const yard = useYard();

const breakGlass = { stages: [{ group: 'sre', quorum: 2 }], leaseTtlSeconds: 60, reviewWithinMs: 24 * HOUR_MS };
const offered = { prepared: (base: Prepared): Prepared => ({ ...base, plan: { ...base.plan, breakGlass } }) };
const BREAKS: Partial<DecisionParts> = { breakGlass: true };

async function opened(bench: Bench): Promise<void> {
  await expect.poll(async () => (await bench.handle.query(reviewStateQuery)).phase).toBe('waiting');
}

/** A workflow that is terminated may keep the server from skipping time. */
async function ended(bench: Bench): Promise<void> {
  await bench.approve('ana', ['dba'], { decision: 'deny' });
  await bench.result();
}

async function refusalOf(attempt: Promise<unknown>): Promise<string | undefined | null> {
  const error = await attempt.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (!(error instanceof WorkflowUpdateFailedError)) throw new Error(`not refused: ${String(error)}`);
  return error.cause instanceof ApplicationFailure ? error.cause.type : 'unknown';
}

describe('a review whose glass may be broken', () => {
  it('runs at once when two different people of its group have broken it, and tells so', async () => {
    await yard.withAction(offered, async (bench) => {
      await opened(bench);
      const open = [{ group: 'dba', places: 1 }];
      expect(await bench.approve('erin', ['sre'], BREAKS)).toEqual({
        state: 'waiting',
        open,
        glass: [{ group: 'sre', places: 1 }],
      });
      expect(await refusalOf(bench.approve('erin', ['sre'], BREAKS))).toBe('already_decided');
      expect(await bench.approve('fay', ['sre'], BREAKS)).toEqual({ state: 'filled', open, glass: [] });
      expect((await bench.result()).outcome.status).toBe('succeeded');
      expect(bench.seen.ran).toBe(1);
      expect(bench.seen.announced).toContain('glass_broken');
    });
  });

  it('is filled by its stages as ever, and then nothing was broken', async () => {
    await yard.withAction(offered, async (bench) => {
      await opened(bench);
      await bench.approve('erin', ['sre'], BREAKS);
      expect((await bench.approve('ana', ['dba'])).state).toBe('filled');
      await bench.result();
      expect(bench.seen.announced).not.toContain('glass_broken');
    });
  });

  it('lets who approved break the glass besides, and counts that word for the stages, too', async () => {
    const two = {
      ...offered,
      prepared: (base: Prepared) => stagesOf(offered.prepared(base), [{ group: 'dba', quorum: 3 }]),
    };
    await yard.withAction(two, async (bench) => {
      await opened(bench);
      await bench.approve('ana', ['dba']);
      await bench.approve('ana', ['dba', 'sre'], BREAKS);
      await bench.approve('cleo', ['dba']);
      expect(await bench.approve('fay', ['dba', 'sre'], BREAKS)).toMatchObject({ state: 'filled', open: [] });
      await bench.result();
      expect(bench.seen.announced).not.toContain('glass_broken');
    });
  });

  it.each([
    ['somebody outside its groups', 'gus', ['platform', 'dba'], 'not_an_approver'],
    ['somebody who is barred', 'olivia', ['sre'], 'self_approval'],
  ])('refuses %s', async (_, person, groups, code) => {
    await yard.withAction(offered, async (bench) => {
      await opened(bench);
      expect(await refusalOf(bench.approve(person, groups, BREAKS))).toBe(code);
      expect(await refusalOf(bench.approve('fay', ['sre']))).toBe('not_an_approver');
      await ended(bench);
    });
  });

  it('is denied by one person, however many have broken it', async () => {
    await yard.withAction(offered, async (bench) => {
      await opened(bench);
      await bench.approve('erin', ['sre'], BREAKS);
      await bench.approve('ana', ['dba'], { decision: 'deny' });
      expect((await bench.result()).outcome.status).toBe('denied');
      expect(bench.seen.ran).toBe(0);
    });
  });

  it('is broken by no signal that the gateway did not sign', async () => {
    await yard.withAction(offered, async (bench) => {
      await opened(bench);
      await bench.approve('erin', ['sre'], BREAKS);
      await bench.handle.signal(decideSignal, await bench.decision('fay', ['sre'], { ...BREAKS, key: bench.agent }));
      await bench.handle.signal(decideSignal, {
        person: 'fay',
        groups: ['sre'],
        decision: 'approve',
        breakGlass: true,
      });
      await expect.poll(async () => (await bench.handle.query(reviewStateQuery)).breaking).toEqual(['erin']);
      await ended(bench);
      expect(bench.seen.ran).toBe(0);
    });
  });
});

function stagesOf(prepared: Prepared, stages: Prepared['plan']['stages']): Prepared {
  return { ...prepared, plan: { ...prepared.plan, stages } };
}
