import { existsSync, statSync } from 'node:fs';
import type { Command } from 'commander';
import type { Envelope } from '../../../src/core/dsse.js';
import { openKeyring, type Keyring } from '../../../src/core/keyring.js';
import { actionIdSchema } from '../../../src/core/schemas/primitives.js';
import { rememberSigners, type AgentSigners } from '../../../src/directory/agent-signers.js';
import { verifyAction as verifyHandedOut } from '../../../src/evidence/verify-action.js';
import { bundleUsage } from '../bundle-usage.js';
import { connectAsEither, readBytes, readTextFile, type AgentOptions } from '../connect.js';
import type { CliContext } from '../context.js';
import { EXIT, UsageError } from '../exit-codes.js';
import { lookOf, report, type CommandHost, type GlobalOptions } from '../host.js';
import { renderVerdict, type ShownVerdict } from '../render/verdict.js';
import { readRootKey } from '../root-key.js';

interface VerifyOptions extends GlobalOptions, AgentOptions {
  root?: string;
  keyring?: string;
  policy?: string[];
  agentPublicKey?: string;
  checkpoint?: string;
  origin?: string;
  keyringNumber?: string;
}

export function addVerify(host: CommandHost): void {
  host.program
    .command('verify')
    .description(
      'Check an evidence bundle or a mirror of the ledger, offline: what holds, and what is not proven. Or an action, by its ' +
        'id: that each statement that the gateway hands out stands in the ledger; the gateway itself is not believed.',
    )
    .argument('<what>', "an evidence bundle's file, a ledger's folder, or an action's id")
    .option('--root <key>', "the offline root's public key: in base64, or a file with it; else COUNTERSIGN_ROOT_KEY")
    .option(
      '--keyring <file>',
      'of a ledger or an action: the keyring, signed by the root; else COUNTERSIGN_KEYRING_FILE',
    )
    .option('--keyring-number <n>', 'of a bundle: least number that its keyring must have')
    .option('--origin <name>', 'the name of the ledger that it must be: the first line of its checkpoints')
    .option(
      '--checkpoint <file>',
      'of a ledger or an action: a checkpoint that you kept, which the ledger must go on from',
    )
    .option(
      '--policy <dir>',
      'of an action: bundle whose directory lists the agent, again for each further one; else COUNTERSIGN_POLICY_DIR',
      oneMore,
    )
    .option('--agent-public-key <key>', "the agent's raw public key, base64, where no policy lists it")
    .option('--agent <id>', 'of an action: fetch as this agent, with its key')
    .option('--key-file <file>', "the agent's private key")
    .option('--token-file <file>', 'token of an agent without a key')
    .action(async (what: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<VerifyOptions>();
      const root = await readRootKey(host.context, options.root);
      const verdict = await verify(what, root, host.context, options);
      const words = verdict.words;
      report(host.context, options, verdict.shown, () => renderVerdict(verdict.shown, lookOf(host.context), words));
      if (!verdict.shown.ok) host.exit(EXIT.refused);
    });
}

interface Verdict {
  shown: ShownVerdict;
  words: { holds: string; fails: string };
}

async function verify(what: string, root: string, context: CliContext, options: VerifyOptions): Promise<Verdict> {
  if (!existsSync(what)) {
    if (!actionIdSchema.safeParse(what).success)
      throw new UsageError(`<what>: there is no file or folder ${what}, and it is no action's id.`);
    return verifyAction(what, root, context, options);
  }
  if (statSync(what).isDirectory()) return verifyMirror(what, root, context, options);
  // The policy engine and the operations are loaded by the commands that ask them.
  const { createEvidenceVerifier } = await import('../../../src/evidence/verify-bundle.js');
  const { operations } = await import('../../../src/operations/catalog.gen.js');
  const { agentPublicKey } = options;
  const verifyEvidence = createEvidenceVerifier({
    root,
    operations,
    ...ledgerOf(options),
    ...(agentPublicKey !== undefined && { agentPublicKey }),
    ...(options.keyringNumber !== undefined && { leastKeyringNumber: numberOf(options.keyringNumber) }),
  });
  const { verdict } = await verifyEvidence(await readBytes(what, '<what>'));
  return { shown: verdict, words: { holds: 'All that the bundle says holds.', fails: 'It does not hold.' } };
}

async function verifyMirror(
  folder: string,
  root: string,
  context: CliContext,
  options: VerifyOptions,
): Promise<Verdict> {
  const { verifyLedger } = await import('../../../src/evidence/verify-ledger.js');
  const keyring = await loadKeyring(context, options, root);
  const shown = await verifyLedger(folder, { keyring, ...ledgerOf(options), ...(await keptBy(options)) });
  return { shown, words: { holds: 'The ledger holds.', fails: 'It does not hold.' } };
}

async function verifyAction(
  actionId: string,
  root: string,
  context: CliContext,
  options: VerifyOptions,
): Promise<Verdict> {
  const keyring = await loadKeyring(context, options, root);
  const agents = await loadAgents(context, options);
  const api = await connectAsEither(context, options);
  const trust = { actionId, keyring, ...agents, ...ledgerOf(options), ...(await keptBy(options)) };
  const shown = await verifyHandedOut(api, trust);
  return { shown, words: { holds: 'All that the gateway handed out holds.', fails: 'It does not hold.' } };
}

function ledgerOf({ origin }: VerifyOptions): { origin?: string } {
  return origin === undefined ? {} : { origin };
}

async function keptBy({ checkpoint }: VerifyOptions): Promise<{ kept?: string }> {
  return checkpoint === undefined ? {} : { kept: await readTextFile(checkpoint, '--checkpoint') };
}

/** The keyring that the command line or the environment names. @throws UsageError */
export async function loadKeyring(
  { environment }: CliContext,
  options: Pick<VerifyOptions, 'keyring'>,
  root: string,
): Promise<Keyring> {
  const file = options.keyring ?? environment.COUNTERSIGN_KEYRING_FILE;
  if (file === undefined) throw new UsageError('Give --keyring, or set COUNTERSIGN_KEYRING_FILE.');
  const text = await readTextFile(file, '--keyring');
  let envelope: Envelope;
  try {
    envelope = JSON.parse(text) as Envelope;
  } catch {
    throw new UsageError(`--keyring: ${file} is not JSON.`);
  }
  // The root is one given key: under which name the envelope has it does not matter.
  const keyid = (envelope as Partial<Envelope> | null)?.signatures?.[0]?.keyid ?? '';
  return openKeyring(envelope, { keyid, publicKey: root });
}

/** Keys of agents, by the bundles that the command line or the environment names. @throws UsageError */
export async function loadAgents(
  { environment }: CliContext,
  options: Pick<VerifyOptions, 'policy' | 'agentPublicKey'>,
): Promise<AgentSigners> {
  const { agentPublicKey } = options;
  if (agentPublicKey !== undefined) {
    return { agentKeys: (agent) => [{ keyid: `agent/${agent}`, publicKey: agentPublicKey }] };
  }
  const dirs = options.policy ?? [environment.COUNTERSIGN_POLICY_DIR].filter((dir) => dir !== undefined);
  if (dirs.length === 0) {
    throw new UsageError("Give --policy or --agent-public-key: the agent's own statements are checked too.");
  }
  const { checkBundle } = await import('../../../src/policy/load-bundle.js');
  const signers = rememberSigners();
  for (const dir of dirs) {
    const { policy } = await bundleUsage(() => checkBundle(dir));
    if (policy === null) throw new UsageError(`--policy: ${dir} does not load; see countersign policy check ${dir}`);
    signers.remember(policy.directory.agents());
  }
  return signers;
}

/** For an option that may be given more than once. */
export function oneMore(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

function numberOf(text: string): number {
  if (!/^[1-9][0-9]{0,9}$/.test(text)) throw new UsageError('--keyring-number: a number from 1.');
  return Number(text);
}
