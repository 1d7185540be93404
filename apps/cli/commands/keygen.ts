import type { Command } from 'commander';
import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { createAgentSigner } from '../../../src/client/agent-signer.js';
import { nameSchema } from '../../../src/core/schemas/primitives.js';
import { UsageError } from '../exit-codes.js';
import { report, type CommandHost, type GlobalOptions } from '../host.js';

interface KeygenOptions extends GlobalOptions {
  agent: string;
  out?: string;
}

export function addKeygen({ program, context }: CommandHost): void {
  program
    .command('keygen')
    .description("Make an agent's key. The private key goes to a file that only you can read.")
    .requiredOption('--agent <id>', "the agent's id")
    .option('--out <file>', 'where to put the private key (default: <agent>.pem)')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<KeygenOptions>();
      const { agent } = options;
      if (!nameSchema.safeParse(agent).success) {
        throw new UsageError('--agent: an id is 1 to 63 of a-z 0-9 . _ - and begins with a letter or digit.');
      }
      const path = options.out ?? `${agent}.pem`;
      const { privateKey } = generateKeyPairSync('ed25519');
      const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
      await writeNew(path, pem);
      const { publicKey } = createAgentSigner({ agentId: agent, privateKey: pem }).publicKey;
      report(context, options, { agent, keyFile: path, keyid: `agent/${agent}`, publicKey }, () => [
        `# The private key is in ${path}; hand it to the agent alone.`,
        '# For directory.yaml, under agents (put in who owns it and who may prompt it):',
        `- id: ${agent}`,
        `  name: ${agent}`,
        '  owner: FILL-IN',
        '  prompters: [FILL-IN]',
        '  groups: []',
        `  publicKey: ${publicKey}`,
      ]);
    });
}

async function writeNew(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const why = code === 'EEXIST' ? 'is already there; a key is never overwritten' : `cannot be written (${code})`;
    throw new UsageError(`--out: ${path} ${why}.`);
  }
}
