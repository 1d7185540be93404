import type { Command } from 'commander';
import { makeRequest } from '../../../src/client/identity.js';
import { uploadSource } from '../../../src/client/upload.js';
import type { JsonObject } from '../../../src/core/json.js';
import { visibleLine } from '../../../src/core/visible-text.js';
import { formatProblem, type Problem } from '../../../src/directory/yaml-source.js';
import { bundleUsage } from '../bundle-usage.js';
import { connectAsAgent, type AgentOptions } from '../connect.js';
import { parseSpan } from '../durations.js';
import { EXIT, exitCodeOf, UsageError } from '../exit-codes.js';
import { lookOf, report, type CommandHost, type GlobalOptions } from '../host.js';
import { renderAction } from '../render/action.js';
import { waitWithStatus } from '../wait-with-status.js';

interface ProposeOptions extends GlobalOptions, AgentOptions {
  reason: string;
  target: string;
  expiresIn?: number;
  wait?: boolean;
  timeout?: number;
}

interface Proposal {
  /** As it is uploaded. */
  document: string;
  place: { number: number; previous: string; digest: string };
}

/** `countersign policy propose`: a change of policy as an action like any other. See docs/policy-changes.md. */
export function addPolicyPropose(policy: Command, host: CommandHost): void {
  policy
    .command('propose')
    .description('As an author of policy: ask that this bundle be put in force; people review what it changes.')
    .argument('<dir>', "the bundle's folder")
    .requiredOption('--reason <text>', 'why; reviewers see it as your own words')
    .option('--target <name>', 'the policy store, as targets.yaml lists it', 'policy')
    .option('--expires-in <time>', 'until it must have begun to run, e.g. 2h; at most 14d (default: 1d)', parseSpan)
    .option('--agent <id>', "the author's id; else COUNTERSIGN_AGENT")
    .option('--key-file <file>', "the author's private key; else COUNTERSIGN_AGENT_KEY_FILE")
    .option('--token-file <file>', 'token of an author without a key; else COUNTERSIGN_AGENT_TOKEN_FILE')
    .option('--wait', 'wait until the action has ended; the exit code is the outcome')
    .option('--timeout <time>', 'with --wait: give up after this, e.g. 10m', parseSpan)
    .action(async (dir: string, _options: unknown, command: Command) => {
      await propose(host, dir, command.optsWithGlobals<ProposeOptions>());
    });
}

async function propose({ context, exit }: CommandHost, dir: string, options: ProposeOptions): Promise<void> {
  const proposed = await readProposal(dir);
  if ('problems' in proposed) {
    report(context, options, { dir, ok: false, problems: proposed.problems }, () => [
      ...proposed.problems.map((problem) => `${lookOf(context).style.red('✗')} ${visibleLine(formatProblem(problem))}`),
      'The bundle does not load. Nothing was asked.',
    ]);
    exit(EXIT.refused);
    return;
  }
  const { api, identity } = await connectAsAgent(context, options);
  const { sha256 } = await uploadSource(api, new TextEncoder().encode(proposed.document));
  const params: JsonObject = { target: options.target, ...proposed.place, content: sha256 };
  const { reason, expiresIn } = options;
  const { actionId, request, requestDigest } = await makeRequest(
    {
      ...{ agent: identity.agentId, operation: 'policy.change', params, reason },
      ...(expiresIn !== undefined && { lifetimeMs: expiresIn }),
    },
    identity,
  );
  const accepted = await api.submit(request, null);
  if (options.wait !== true) {
    const asked = { ...accepted, requestDigest, ...proposed.place };
    report(context, options, asked, () => [
      `Asked: ${actionId}`,
      `It would put bundle ${String(proposed.place.number)} (${proposed.place.digest}) in force.`,
    ]);
    return;
  }
  context.stderr.write(`Asked: ${actionId}\n`);
  const action = await waitWithStatus(context, { api, actionId, timeoutMs: options.timeout });
  report(context, options, action, () => renderAction(action, null, lookOf(context)));
  if (action.outcome !== null) exit(exitCodeOf(action.outcome.status));
}

// The policy engine is loaded by the commands that ask it: it would slow down every other one.
async function readProposal(dir: string): Promise<Proposal | { problems: Problem[] }> {
  const { readBundleFiles } = await import('../../../src/policy/bundle-files.js');
  const { checkBundleFiles } = await import('../../../src/policy/load-bundle.js');
  const { packBundle, previousIn } = await import('../../../src/policy/governed/bundle-document.js');
  const read = await bundleUsage(() => readBundleFiles(dir));
  const { digest, problems, policy } = checkBundleFiles(read);
  if (policy === null) return { problems };
  const previous = previousIn(read.files);
  if (previous === null)
    throw new UsageError('bundle.yaml: this is a first bundle; give it the number and the digest of what it follows.');
  return { document: packBundle(read.files), place: { number: policy.bundle.number, previous, digest } };
}
