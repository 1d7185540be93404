import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startCountersign } from '../../apps/devstack/processes.js';
import type { CountersignGateway } from '../../src/client/index.js';
import type { StatementKind } from '../../src/core/schemas/statements.js';
import { statementsOf, tracesOf } from '../adversarial/traces.js';
import { agentOf, personAt, until as untilView, type PersonAtGateway } from '../support/actors.js';
import type { TestInstallation } from '../support/installation.js';
import { signingOf, startBreakableProxy, startHoldingProxy } from '../support/holding-proxy.js';
import { startStack, type Prepared, type Stack } from '../support/stack.js';
import { until } from '../support/until.js';
import { writeSubjectBundle } from './bundle.js';
import { subjectsOn } from './find-subjects.js';
import type { CrashSubject, Subject } from './subject.js';

/** Where the executor is killed: as it has a statement signed, or as that is on record and it does not know it yet. */
interface Point {
  name: string;
  signing: StatementKind;
  isOnRecord: boolean;
  /** Of the statement with its row and of the effect itself, at the kill. */
  begun: 0 | 1;
  there: 0 | 1;
  outcomes: readonly string[];
  effects: 0 | 1;
}

const POINTS: readonly Point[] = [
  {
    name: 'before the effect is on record',
    signing: 'effect',
    isOnRecord: false,
    begun: 0,
    there: 0,
    outcomes: ['succeeded'],
    effects: 1,
  },
  {
    name: 'between that and the effect',
    signing: 'effect',
    isOnRecord: true,
    begun: 1,
    there: 0,
    outcomes: ['unknown'],
    effects: 0,
  },
  {
    name: 'after the effect, before its result',
    signing: 'result',
    isOnRecord: false,
    begun: 1,
    there: 1,
    outcomes: ['succeeded', 'unknown'],
    effects: 1,
  },
];

const subjects = await subjectsOn(inject('services').vault.product);

async function startAsItIs(subject: Subject, installation: TestInstallation): Promise<CrashSubject> {
  const started = await subject.start(installation);
  return {
    ...started,
    approver: 'ben',
    writeBundle: (folder) => writeSubjectBundle(folder, subject.operation.name, started.target),
    nextParams: async () => started.params,
  };
}

describe.each(subjects)('$name, whose executor is killed', ({ subject }) => {
  let folder: string;
  let stack: Stack;
  const closing: (() => Promise<void>)[] = [];
  let started: CrashSubject | undefined;
  let agent: CountersignGateway;
  let approver: PersonAtGateway;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'countersign-crash-'));
    closing.push(() => rm(folder, { recursive: true, force: true }));
    stack = await startStack({ processes: ['worker', 'notary', 'gateway'], prepare });
    closing.push(() => stack.close());
    agent = agentOf(stack);
    approver = await personAt(stack, started?.approver ?? '');
  });
  afterAll(async () => {
    await started?.stop();
    for (const close of closing.reverse()) await close();
  });

  async function prepare(installation: TestInstallation): Promise<Prepared> {
    started = await (subject.startForCrashes?.(installation) ?? startAsItIs(subject, installation));
    const policies = join(folder, 'policies');
    await started.writeBundle(policies);
    const programs = Object.entries(started.programs ?? {}).map(([name, path]) => `${name}=${path}`);
    const settings = { ...started.settings, COUNTERSIGN_PROGRAMS: programs.join(',') };
    return {
      policies,
      extra: { gateway: started.settings ?? {}, worker: settings, executor: settings, notary: settings },
    };
  }

  it.each(POINTS)(
    '$name: at most one effect, and no lease is left',
    async (point) => {
      if (started === undefined) throw new Error('the target does not stand');
      await started.reset();
      const actionId = await killAt(point, { subject, started });
      const successor = await stack.start('executor');
      try {
        const done = await agent.wait(actionId, { timeoutMs: 90_000 });
        expect(done).toMatchObject({ state: 'done', lease: 'revoked' });
        expect(point.outcomes, JSON.stringify(done.outcome)).toContain(done.outcome?.status);
        expect(await effectsOf(actionId, started)).toBe(point.effects);
        // A token that no row names is the sweeper's, which leaves it half a minute.
        await until(async () => (await tracesOf(stack, actionId)).tokens === 0, 60_000);
        expect(await tracesOf(stack, actionId)).toMatchObject({ vaultLeases: 0, effects: 1 });
        const results = (await statementsOf(stack, 'result')).filter((result) => result.actionId === actionId);
        expect(results).toHaveLength(1);
      } finally {
        await successor.stop();
      }
    },
    180_000,
  );

  /** Has one action approved and executed by a process of its own, and kills that as it stands at the point. */
  async function killAt(
    point: Point,
    { subject: { operation }, started }: { subject: Subject; started: CrashSubject },
  ): Promise<string> {
    const proxy = await startHoldingProxy(inject('services').vault.address);
    const record = await startBreakableProxy(inject('services').postgres.adminUrl);
    const recordUrl = new URL(stack.installation.recordUrls.executor.reveal());
    recordUrl.host = new URL(record.url).host;
    try {
      const victim = await startCountersign('executor', {
        place: stack.place,
        logFile: join(folder, `executor-${point.signing}.log`),
        overrides: { COUNTERSIGN_VAULT_ADDRESS: proxy.url, COUNTERSIGN_RECORD_URL: recordUrl.href },
      });
      try {
        const held = proxy.hold(signingOf(point.signing));
        const params = await started.nextParams(stack.place.policyDir);
        const request = { operation: operation.name, params, reason: 'Contract suite' };
        const { actionId } = await agent.request(request);
        await untilView(agent, actionId, ({ state }) => state === 'waiting');
        await approver.decideOn(actionId, 'approve');
        expect(await held.arrived).toBe(actionId);
        if (point.isOnRecord) {
          record.mute();
          held.release();
          await until(async () => (await tracesOf(stack, actionId)).effects === 1);
        }
        expect((await tracesOf(stack, actionId)).effects).toBe(point.begun);
        expect(await effectsOf(actionId, started)).toBe(point.there);
        process.kill(victim.pid, 'SIGKILL');
        return actionId;
      } finally {
        await victim.stop();
      }
    } finally {
      await Promise.all([proxy.close(), record.close()]);
    }
  }

  function effectsOf(actionId: string, { countEffects }: CrashSubject): Promise<number> {
    return countEffects({ actionId, artefactsDir: stack.place.artefactsDir });
  }
});
