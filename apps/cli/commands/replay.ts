import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { workflowIdOf } from '../../../src/contracts/workflow-id.js';
import { visibleLine } from '../../../src/core/visible-text.js';
import type { TimelineLine } from '../../../src/evidence/timeline.js';
import { connectAsPerson, readBytes, type GatewayOption } from '../connect.js';
import type { CliContext } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { lookOf, report, type CommandHost, type GlobalOptions } from '../host.js';
import type { Look } from '../render/action.js';
import { block } from '../render/layout.js';
import { instant } from '../render/time.js';
import { renderVerdict } from '../render/verdict.js';
import type { Replayed } from '../replay-history.js';
import { readRootKey } from '../root-key.js';

interface ReplayOptions extends GlobalOptions, GatewayOption {
  root?: string;
  agentPublicKey?: string;
  workflowBundle?: string;
}

export function addReplay({ program, context, exit }: CommandHost): void {
  program
    .command('replay')
    .description(
      "Run an ended action's history through the workflow code of this release, in which signatures are verified again, and " +
        'show who did what, when and why. Nothing is executed.',
    )
    .argument('<what>', "an evidence bundle's file, or an action's id to fetch it")
    .option('--root <key>', "the offline root's public key: in base64, or a file with it; else COUNTERSIGN_ROOT_KEY")
    .option('--agent-public-key <key>', "the agent's raw public key, base64, where no policy in the bundle lists it")
    .option('--workflow-bundle <file>', 'built workflow code of another release')
    .action(async (what: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ReplayOptions>();
      const root = await readRootKey(context, options.root);
      const bytes = existsSync(what) ? await readBytes(what, '<what>') : await fetchBundle(context, options, what);
      const shown = await replay(bytes, root, options);
      report(context, options, shown, () => render(shown, lookOf(context)));
      if (!shown.ok) exit(EXIT.refused);
    });
}

interface Shown {
  actionId: string | null;
  ok: boolean;
  /** Of the bundle itself: only what holds is replayed. */
  faults: string[];
  runs: ({ runId: string } & Replayed)[];
  timeline: TimelineLine[];
}

async function fetchBundle(context: CliContext, options: ReplayOptions, actionId: string): Promise<Uint8Array> {
  const api = await connectAsPerson(context, options);
  return new Uint8Array(await new Response(await api.evidence(actionId)).arrayBuffer());
}

async function replay(bytes: Uint8Array, root: string, options: ReplayOptions): Promise<Shown> {
  const { agentPublicKey } = options;
  const { createEvidenceVerifier } = await import('../../../src/evidence/verify-bundle.js');
  const { operations } = await import('../../../src/operations/catalog.gen.js');
  const verify = createEvidenceVerifier({ root, operations, ...(agentPublicKey !== undefined && { agentPublicKey }) });
  const { verdict, opened } = await verify(bytes);
  const { actionId } = verdict;
  const faults = verdict.checks.flatMap(({ ok, what }) => (ok ? [] : [what]));
  if (opened === null || actionId === null || faults.length > 0)
    return { actionId, ok: false, faults, runs: [], timeline: [] };
  const { historiesIn } = await import('../../../src/evidence/verify-histories.js');
  const { timelineOf } = await import('../../../src/evidence/timeline.js');
  const { replayHistory } = await import('../replay-history.js');
  const runs: Shown['runs'] = [];
  for (const { runId, bytes: history } of historiesIn(opened.evidence, opened.recorded)) {
    const json = Buffer.from(history).toString('utf8');
    runs.push({ runId, ...(await replayHistory(workflowIdOf(actionId), json, options.workflowBundle)) });
  }
  const ok = runs.length > 0 && runs.every((run) => run.ok);
  return { actionId, ok, faults, runs, timeline: timelineOf(opened.recorded) };
}

function render({ ok, faults, runs, timeline }: Shown, look: Look): string[] {
  const checks = [
    ...faults.map((what) => ({ ok: false, what })),
    ...runs.map((run) => ({ ok: run.ok, what: describe(run) })),
    ...(faults.length === 0 && runs.length === 0
      ? [{ ok: false, what: 'The bundle holds no history: it is archived when the action has ended.' }]
      : []),
  ];
  const verdict = {
    holds: 'The workflow code of this release decides as it was decided then.',
    fails: faults.length > 0 ? 'The bundle does not hold, so nothing was replayed.' : 'It was not replayed to its end.',
  };
  return [...timeline.flatMap((line) => renderLine(line, look)), '', ...renderVerdict({ ok, checks }, look, verdict)];
}

function describe(run: Shown['runs'][number]): string {
  if (run.ok) return `Run ${run.runId} was replayed; its signatures hold`;
  return run.kind === 'nondeterministic'
    ? `Run ${run.runId} is not deterministic: this code decides otherwise than its history says. ${run.message}`
    : `Run ${run.runId} cannot be replayed: ${run.message}`;
}

function renderLine({ atMs, who, what, why }: TimelineLine, { style, width }: Look): string[] {
  const at = atMs === null ? ' '.repeat(20) : instant(atMs);
  return [
    ...block(`${at}  ${visibleLine(who)} ${visibleLine(what)}`, { margin: '', width }),
    ...(why === '' ? [] : block(visibleLine(why), { margin: ' '.repeat(22), width }).map((line) => style.dim(line))),
  ];
}
