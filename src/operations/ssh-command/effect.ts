import type { Flag, Preview } from '../../core/schemas/action.js';
import type { JsonObject } from '../../core/json.js';
import { COMMAND_LIMITS } from './params.js';

/** What was observed and not announced. */
export function effectFlags(preview: Preview, result: JsonObject): Flag[] {
  const flags: Flag[] = [];
  const { exitCode, leftProcesses } = result;
  const { expectedExitCodes: declared } = preview.estimate;
  const expected = Array.isArray(declared) ? declared.filter((code) => typeof code === 'number') : [];
  if (typeof exitCode !== 'number') {
    flags.push({ code: 'unexpected_exit', severity: 'medium', sentence: 'How the command ended is not known.' });
  } else if (!expected.includes(exitCode)) {
    const sentence = `The command ended with exit code ${String(exitCode)}; ${expected.join(', ')} was to be expected.`;
    flags.push({ code: 'unexpected_exit', severity: 'medium', sentence });
  }
  if (typeof leftProcesses === 'number' && leftProcesses > 0) {
    const sentence = `${String(leftProcesses)} of the processes that it started were still there when it had ended, and were ended.`;
    flags.push({ code: 'processes_left', severity: 'medium', sentence });
  }
  if (['stdout', 'stderr'].some((name) => isCut(result[name]))) {
    const kept = COMMAND_LIMITS.keptBytes.toLocaleString('en-US');
    const sentence = `It wrote more than the ${kept} bytes of each output that are kept; the digest is of all.`;
    flags.push({ code: 'output_cut', severity: 'low', sentence });
  }
  return flags;
}

function isCut(measure: unknown): boolean {
  const { bytes, keptBytes } = (measure ?? {}) as { bytes?: unknown; keptBytes?: unknown };
  return typeof bytes === 'number' && typeof keptBytes === 'number' && bytes > keptBytes;
}
