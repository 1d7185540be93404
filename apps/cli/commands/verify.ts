import type { Command } from 'commander';
import { openKeyring } from '../../../src/core/keyring.js';
import type { Envelope } from '../../../src/core/dsse.js';
import { visibleLine } from '../../../src/core/visible-text.js';
import { bundleUsage } from '../bundle-usage.js';
import { connectAsEither, readTextFile, type AgentOptions } from '../connect.js';
import type { CliContext } from '../context.js';
import { EXIT, UsageError } from '../exit-codes.js';
import { lookOf, report, type CommandHost, type GlobalOptions } from '../host.js';
import { block } from '../render/layout.js';
import { verifyStatements, type Verifying } from '../verify-statements.js';

interface VerifyOptions extends GlobalOptions, AgentOptions {
  root?: string;
  keyring?: string;
  policy?: string;
  agentPublicKey?: string;
}

export function addVerify({ program, context, exit }: CommandHost): void {
  program
    .command('verify')
    .description(
      "Check an action's statements as the gateway hands them out: each signature, and that they agree. " +
        'A gateway that keeps statements back is noticed only as far as the receipt lists them.',
    )
    .argument('<id>', "the action's id")
    .option('--root <key>', 'raw public key of the offline root, base64; else COUNTERSIGN_ROOT_KEY')
    .option('--keyring <file>', 'the keyring, signed by the root; else COUNTERSIGN_KEYRING_FILE')
    .option('--policy <dir>', 'bundle whose directory lists the agent; else COUNTERSIGN_POLICY_DIR')
    .option('--agent-public-key <key>', "the agent's raw public key, base64, instead of a bundle")
    .option('--agent <id>', 'fetch as this agent, with its key')
    .option('--key-file <file>', "the agent's private key")
    .option('--token-file <file>', 'token of an agent without a key')
    .action(async (actionId: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<VerifyOptions>();
      const keyring = await loadKeyring(context, options);
      const agents = await loadAgents(context, options);
      const api = await connectAsEither(context, options);
      const result = verifyStatements(await api.statements(actionId), { actionId, keyring, ...agents });
      report(context, options, result, () => {
        const { style, width } = lookOf(context);
        const lines = result.checks.flatMap(({ ok, what }) => {
          const [first = '', ...rest] = block(visibleLine(what), { margin: '  ', width });
          return [`${ok ? style.green('✓') : style.red('✗')} ${first.trimStart()}`, ...rest];
        });
        const verdict = result.ok ? 'All that the gateway handed out holds.' : 'It does not hold.';
        return [...lines, verdict];
      });
      if (!result.ok) exit(EXIT.refused);
    });
}

async function loadKeyring(
  { environment }: CliContext,
  options: VerifyOptions,
): Promise<ReturnType<typeof openKeyring>> {
  const root = options.root ?? environment.COUNTERSIGN_ROOT_KEY;
  const file = options.keyring ?? environment.COUNTERSIGN_KEYRING_FILE;
  if (root === undefined || file === undefined) {
    throw new UsageError('Give --root and --keyring, or set COUNTERSIGN_ROOT_KEY and COUNTERSIGN_KEYRING_FILE.');
  }
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

async function loadAgents(
  { environment }: CliContext,
  options: VerifyOptions,
): Promise<Pick<Verifying, 'agentKey' | 'signsByIntake'>> {
  const { agentPublicKey } = options;
  if (agentPublicKey !== undefined) {
    return { agentKey: (agent) => ({ keyid: `agent/${agent}`, publicKey: agentPublicKey }) };
  }
  const dir = options.policy ?? environment.COUNTERSIGN_POLICY_DIR;
  if (dir === undefined) {
    throw new UsageError("Give --policy or --agent-public-key: the agent's own statements are checked too.");
  }
  const { checkBundle } = await import('../../../src/policy/load-bundle.js');
  const { policy } = await bundleUsage(() => checkBundle(dir));
  if (policy === null) throw new UsageError(`--policy: ${dir} does not load; see countersign policy check ${dir}`);
  const { directory } = policy;
  return { agentKey: (agent) => directory.agentKey(agent), signsByIntake: (agent) => directory.signsByIntake(agent) };
}
