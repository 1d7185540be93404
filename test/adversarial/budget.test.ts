import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { examplePolicies, placesOfTargets } from '../../apps/devstack/place.js';
import { TASK_QUEUES } from '../../src/contracts/activities.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import type { CountersignGateway } from '../../src/client/index.js';
import { writeBundle } from '../../src/policy/write-bundle.js';
import { agentOf, personAt, until } from '../support/actors.js';
import { startStack, type Stack } from '../support/stack.js';
import { until as untilTrue } from '../support/until.js';
import { startForger, type Forger } from './forger.js';
import { NOTHING, statementsOf, tracesOf } from './traces.js';

let folder: string;
let stack: Stack;
let forger: Forger;
let agent: CountersignGateway;

/** No export of production is reviewed, so that no decision is what stops one; together they may be of 10 rows a day. */
async function writeBudgetBundle(policies: string, targets: ReturnType<typeof placesOfTargets>): Promise<void> {
  await writeBundle(examplePolicies, policies, { agentKeys: {}, targets });
  const file = join(policies, 'database-export.cedar');
  const text = await readFile(file, 'utf8');
  const budgeted = text.replace(
    /@id\("prod-export"\)[^]*?@lease\("5m"\)/,
    '@id("prod-export")\n@review("none")\n@expire("2h")\n@lease("5m")\n@budget("10 rows/1d per agent")',
  );
  expect(budgeted).not.toBe(text);
  await writeFile(file, budgeted);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-budget-'));
  // Without the notary, which would close what is terminated: what stops an attack is the executor.
  stack = await startStack({
    processes: ['worker', 'gateway'],
    async prepare(installation) {
      const policies = join(folder, 'bundle');
      await writeBudgetBundle(policies, placesOfTargets(installation));
      return { policies };
    },
  });
  agent = agentOf(stack);
  forger = await startForger(stack);
});
afterAll(async () => {
  await forger.close();
  await stack.close();
  await rm(folder, { recursive: true, force: true });
});

/** Of four rows, beginning with this one. */
async function request(first: number): Promise<string> {
  const query = `select id, status from orders where id between ${String(first)} and ${String(first + 3)}`;
  const params = { target: 'orders', query, format: 'csv', maxRows: 4 };
  return (await agent.request({ operation: 'database.export', params, reason: 'A few rows' })).actionId;
}

const hasRun = (actionId: string): Promise<void> =>
  untilTrue(async () => (await statementsOf(stack, 'result')).some((result) => result.actionId === actionId), 60_000);

it('two small exports exhaust a day’s rows: no third is prepared, nor run by force', async () => {
  // While there is room, and no executor: prepared, and never run.
  const forced = await request(1);
  await untilTrue(async () => (await statementsOf(stack, 'plan')).some(({ actionId }) => actionId === forced));
  await stack.client.workflow.getHandle(workflowIdOf(forced)).terminate('attack');
  await stack.start('executor');
  for (const first of [11, 21]) await hasRun(await request(first));

  const third = await request(31);
  const refused = await until(agent, third, ({ refusals }) => refusals.length > 0);
  expect(refused.refusals).toEqual([expect.objectContaining({ code: 'budget_exceeded' })]);
  expect(await tracesOf(stack, third)).toEqual(NOTHING);
  const runUnderLease = { activity: 'runUnderLease', args: [{ actionId: forced, round: 1 }] };
  const answer = await forger.run(workflowIdOf(forced), { taskQueue: TASK_QUEUES.executor, ...runUnderLease });
  expect(answer).toMatchObject({ kind: 'refused', type: 'budget_exceeded' });
  expect(await tracesOf(stack, forced)).toEqual(NOTHING);

  const { budgets } = await (await personAt(stack, 'ben')).budgets({ agent: 'export-bot' });
  expect(budgets).toContainEqual(expect.objectContaining({ permit: 'prod-export', spent: 8 }));
}, 180_000);
