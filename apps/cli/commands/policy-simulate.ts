import type { Command } from 'commander';
import type { GatewayApi } from '../../../src/client/api.js';
import type { RecordedRequest } from '../../../src/policy/compare/comparison.js';
import type { Policy } from '../../../src/policy/policy.js';
import type { ActionView } from '../../../src/record/action-view.js';
import { connectAsPerson, readTextFile } from '../connect.js';
import { UsageError } from '../exit-codes.js';
import { lookOf, report, type CommandHost, type GlobalOptions } from '../host.js';
import { loadComparable } from '../policy/comparable.js';
import { renderTold } from '../policy/told.js';
import { parseLimit } from './list.js';

interface SimulateOptions extends GlobalOptions {
  request?: string;
  last?: number;
  against?: string;
}

export function addPolicySimulate(policy: Command, host: CommandHost): void {
  policy
    .command('simulate')
    .description('Say how a bundle answers requests: whether it asks people, whom, or refuses. Nothing is asked for.')
    .argument('<dir>', "the bundle's folder")
    .option('--request <file>', 'JSON: questions, or actions as countersign show --json prints them')
    .option('--last <count>', 'the last actions at the gateway, with what was found of them then', parseLimit)
    .option('--against <dir>', 'only what this other bundle answers otherwise')
    .action(async (dir: string, _options: unknown, command: Command) => {
      await simulateAll(dir, command.optsWithGlobals<SimulateOptions>(), host);
    });
}

async function simulateAll(dir: string, options: SimulateOptions, { context }: CommandHost): Promise<void> {
  const bundle = await loadComparable(dir);
  const other = options.against === undefined ? null : await loadComparable(options.against);
  const requests = await findRequests(options, { policy: bundle.policy, context });
  const { simulate, describeSimulated } = await import('../../../src/policy/compare/simulate.js');
  if (other !== null) {
    const { replayRequests } = await import('../../../src/policy/compare/replay-requests.js');
    const { describeReplay } = await import('../../../src/policy/compare/describe-comparison.js');
    const replay = replayRequests(other, bundle, requests);
    report(context, options, replay, () => renderTold(describeReplay(replay), lookOf(context)));
    return;
  }
  const simulated = requests.map((request) => ({ request, ...simulate(bundle, request) }));
  report(context, options, { simulated }, () =>
    simulated.length === 0
      ? ['No request came as far as a preview.']
      : simulated.flatMap(({ request, ...found }) => renderTold(describeSimulated(request, found), lookOf(context))),
  );
}

async function findRequests(
  options: SimulateOptions,
  { policy, context }: { policy: Policy; context: CommandHost['context'] },
): Promise<RecordedRequest[]> {
  const { request: file, last } = options;
  if ((file === undefined) === (last === undefined)) throw new UsageError('Give either --request or --last.');
  const { parseRequests, requestOf } = await import('../policy/requests-file.js');
  if (file !== undefined)
    return parseRequests(await readTextFile(file, '--request'), file, { policy, nowMs: context.nowMs() });
  const actions = await lastActions(await connectAsPerson(context, options), last ?? 0);
  return actions.flatMap(requestOf);
}

/** One after the other: a gateway answers so many calls a second and no more. */
async function lastActions(api: GatewayApi, limit: number): Promise<ActionView[]> {
  const { actions } = await api.list({ limit });
  const views: ActionView[] = [];
  for (const { actionId } of actions) views.push(await api.get(actionId));
  return views;
}
