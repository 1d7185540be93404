import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { z } from 'zod';
import type { Envelope, Signer } from '../../../src/core/dsse.js';
import { KEY_PURPOSES, openKeyring, sealKeyring, type Keyring } from '../../../src/core/keyring.js';
import { nextKeyring, type ListedKeys } from '../../../src/evidence/next-keyring.js';
import { readTextFile } from '../connect.js';
import type { CliContext } from '../context.js';
import { UsageError } from '../exit-codes.js';
import { report, type CommandHost, type GlobalOptions } from '../host.js';
import { parseDuration } from '../../../src/policy/duration.js';
import { instant } from '../render/time.js';
import { readRootKey } from '../root-key.js';

/** The keyring, from the machine that has Vault and the one that has the root: neither ever has both. */
export function addKeyring(host: CommandHost): void {
  const keyring = host.program.command('keyring').description('Look after the keyring, which the offline root signs.');
  addRoot(keyring, host);
  addExport(keyring, host);
  addRotate(keyring, host);
  addShow(keyring, host);
}

function addRoot(keyring: Command, { context }: CommandHost): void {
  keyring
    .command('root')
    .description(
      'On a machine without a network: make the root key. Its private half goes to a file that only you can read.',
    )
    .requiredOption('--out <file>', 'where to put the private key; must not be there yet')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions & { out: string }>();
      const { privateKey, publicKey } = generateKeyPairSync('ed25519');
      await writeNew(options.out, privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(), 0o600);
      const root = rawKeyOf(publicKey);
      report(context, options, { keyFile: options.out, root }, () => [
        `# The private key is in ${options.out}: keep it offline. COUNTERSIGN_ROOT_KEY of every process and verifier:`,
        root,
      ]);
    });
}

function addExport(keyring: Command, { context }: CommandHost): void {
  keyring
    .command('export')
    .description(
      "On a machine that reaches Vault: write all versions of the processes' public keys, for the root to sign.",
    )
    .requiredOption('--out <file>', 'where to put them; must not be there yet')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions & { out: string }>();
      const keys = await keysInVault(context);
      await writeNew(options.out, `${JSON.stringify({ keys }, null, 2)}\n`);
      report(context, options, { file: options.out, keys }, () => [
        `${options.out}  ${String(keys.length)} public keys`,
        `Carry it to the root: countersign keyring rotate --keys ${options.out} …`,
      ]);
    });
}

interface RotateOptions extends GlobalOptions {
  keys: string;
  previous?: string;
  rootKeyFile: string;
  signsIn: string;
  drop: string[];
  out: string;
}

function addRotate(keyring: Command, { context }: CommandHost): void {
  keyring
    .command('rotate')
    .description(
      'On the machine that has the root: make and sign the next keyring. Keys that it had stay, so that what they signed verifies.',
    )
    .requiredOption('--keys <file>', 'public keys, as countersign keyring export wrote them')
    .option('--previous <file>', 'the keyring in force; without it the first one is made')
    .requiredOption('--root-key-file <file>', "the root's private key (PEM)")
    .option('--signs-in <time>', 'when processes begin to sign with new keys: by then all must have the file', '10m')
    .option(
      '--drop <keyid>',
      'leave a key out: nothing that it signed verifies from then on; may be repeated',
      collect,
      [],
    )
    .requiredOption('--out <file>', 'where to put the keyring; must not be there yet')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<RotateOptions>();
      const root = await readSigner(options.rootKeyFile);
      const { keys } = readJson(keysFileSchema, await readTextFile(options.keys, '--keys'), '--keys');
      const previous =
        options.previous === undefined ? null : await openFile(options.previous, '--previous', root.publicKey);
      const next = nextKeyring({
        previous,
        keys,
        drop: options.drop,
        signsFromMs: previous === null ? null : context.nowMs() + delayOf(options.signsIn),
      });
      await writeNew(options.out, `${JSON.stringify(await sealKeyring(next.keyring, root.signer))}\n`);
      const { number } = next.keyring;
      report(context, options, { file: options.out, number, added: next.added, dropped: next.dropped }, () => [
        `${options.out}  keyring ${String(number)}`,
        ...next.added.map((keyid) => `+ ${keyid}`),
        ...next.dropped.map((keyid) => `- ${keyid}`),
        'Put it in place of the old file for every process; they take it within seconds, without a restart.',
        `Then raise COUNTERSIGN_KEYRING_MIN_NUMBER to ${String(number)}.`,
      ]);
    });
}

function addShow(keyring: Command, { context }: CommandHost): void {
  keyring
    .command('show')
    .description('Check that the root signed a keyring, and list its keys.')
    .argument('<file>', 'the keyring')
    .option('--root <key>', "the offline root's public key: in base64, or a file with it; else COUNTERSIGN_ROOT_KEY")
    .action(async (file: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions & { root?: string }>();
      const opened = await openFile(file, '<file>', await readRootKey(context, options.root));
      report(context, options, opened, () => [
        `keyring ${String(opened.number)}`,
        ...opened.keys.map(
          ({ keyid, publicKey, signsFromMs }) =>
            `${keyid}  ${publicKey}${signsFromMs === undefined ? '' : `  signs from ${instant(signsFromMs)}`}`,
        ),
      ]);
    });
}

const keysFileSchema: z.ZodType<{ keys: ListedKeys }> = z.strictObject({
  keys: z.array(z.strictObject({ keyid: z.string().max(200), purpose: z.enum(KEY_PURPOSES), publicKey: z.base64() })),
});

async function keysInVault({ environment }: CliContext): Promise<ListedKeys> {
  const { COUNTERSIGN_VAULT_ADDRESS: address, COUNTERSIGN_VAULT_TOKEN: token } = environment;
  if (address === undefined || token === undefined)
    throw new UsageError(
      'Set COUNTERSIGN_VAULT_ADDRESS and COUNTERSIGN_VAULT_TOKEN (a token that may read the transit keys).',
    );
  const { createVaultClient } = await import('../../../src/vault/client.js');
  const { readTransitKeys } = await import('../../../src/vault/transit-signer.js');
  const { Secret } = await import('../../../src/core/secret.js');
  const secret = new Secret(token);
  const client = createVaultClient({ address, credential: () => secret });
  return readTransitKeys(client, environment.COUNTERSIGN_VAULT_TRANSIT_MOUNT ?? 'transit');
}

async function openFile(path: string, option: string, root: string): Promise<Keyring> {
  const envelope = readJson(z.unknown(), await readTextFile(path, option), option) as Envelope;
  return openKeyring(envelope, { keyid: 'root', publicKey: root });
}

async function readSigner(path: string): Promise<{ publicKey: string; signer: Signer }> {
  const pem = await readTextFile(path, '--root-key-file');
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType !== 'ed25519') throw new Error('another type');
    const signer: Signer = {
      keyid: 'root',
      sign: async (messages) => messages.map((message) => sign(null, message, key)),
    };
    return { publicKey: rawKeyOf(createPublicKey(key)), signer };
  } catch {
    throw new UsageError(`--root-key-file: ${path} is no Ed25519 private key in PEM.`);
  }
}

/** base64 of the 32 bytes: the JWK holds them as base64url. */
function rawKeyOf(key: KeyObject): string {
  return Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url').toString('base64');
}

function delayOf(text: string): number {
  const delay = text === '0' ? 0 : parseDuration(text);
  if (delay === null) throw new UsageError('--signs-in: a time such as 10m or 2h; 0 for at once.');
  return delay;
}

function readJson<T>(schema: z.ZodType<T>, text: string, option: string): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new UsageError(`${option}: the file does not hold what it should.`);
  }
}

async function writeNew(path: string, text: string, mode = 0o644): Promise<void> {
  try {
    await writeFile(path, text, { mode, flag: 'wx' });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new UsageError(`--out: ${path} ${code === 'EEXIST' ? 'is already there' : `cannot be written (${code})`}.`);
  }
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
