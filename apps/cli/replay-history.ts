import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
// CommonJS whose named exports Node does not see.
import proto from '@temporalio/proto';
import { DefaultLogger, makeTelemetryFilterString, Runtime, Worker } from '@temporalio/worker';

/** What came of running a history through the workflow code of this release. */
export type Replayed =
  | { ok: true }
  /** `nondeterministic`: the code decides otherwise than the history says. `unreadable`: it is no history. */
  | { ok: false; kind: 'nondeterministic' | 'unreadable'; message: string };

// The same from src (tests) and from dist.
const dist = join(fileURLToPath(new URL('../../', import.meta.url)).replace(/dist\/$/, ''), 'dist');

let isQuiet = false;

/**
 * Runs a history, as JSON, through the built workflow code: no server, no activity, no effect. Each decision's signature is
 * verified again by the workflow itself.
 */
export async function replayHistory(
  workflowId: string,
  json: string,
  codePath: string = join(dist, 'workflow-bundle.js'),
): Promise<Replayed> {
  beQuiet();
  try {
    const history = proto.temporal.api.history.v1.History.fromObject(JSON.parse(json) as Record<string, unknown>);
    await Worker.runReplayHistory({ workflowBundle: { codePath } }, history, workflowId);
    return { ok: true };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const isOther = error instanceof Error && error.name === 'DeterminismViolationError';
    return { ok: false, kind: isOther ? 'nondeterministic' : 'unreadable', message };
  }
}

/** The SDK tells its own story on standard error, which is for ours. */
function beQuiet(): void {
  if (isQuiet) return;
  isQuiet = true;
  try {
    Runtime.install({
      logger: new DefaultLogger('ERROR', () => undefined),
      telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' }) } },
    });
  } catch {
    // Whoever runs the command in a process of theirs has installed one.
  }
}
