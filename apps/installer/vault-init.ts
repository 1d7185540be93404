import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { Secret } from '../../src/core/secret.js';

const keysSchema = z.object({ unsealKey: z.string().min(1), rootToken: z.string().min(1) });
type Keys = z.infer<typeof keysSchema>;

// A new raft cluster elects its leader before it answers.
const TIMEOUT_MS = 60_000;
const ASK_AGAIN_MS = 250;

/**
 * Initialises Vault when it is new, unseals it when it is sealed.
 * The one unseal key and the root token are kept in `adminFolder`: enough for a demonstration, never for production.
 * @returns the root token.
 */
export async function openVault(address: string, adminFolder: string): Promise<Secret> {
  const file = join(adminFolder, 'vault.json');
  const { initialized } = await ask(address, 'GET', 'sys/init', z.object({ initialized: z.boolean() }));
  const keys = initialized ? await readKeys(address, file) : await initialise(address, file);
  const { sealed } = await ask(address, 'GET', 'sys/seal-status', z.object({ sealed: z.boolean() }));
  if (sealed) await ask(address, 'PUT', 'sys/unseal', z.object({ sealed: z.literal(false) }), { key: keys.unsealKey });
  await untilActive(address);
  return new Secret(keys.rootToken);
}

/** Has Vault write every request and answer, its secrets hashed, as JSON lines. */
export async function enableAuditFile(address: string, adminToken: Secret, file: string): Promise<void> {
  const devices = await ask(address, 'GET', 'sys/audit', z.looseObject({ data: z.looseObject({}) }), null, adminToken);
  if ('file/' in devices.data) return;
  const body = { type: 'file', options: { file_path: file } };
  await ask(address, 'PUT', 'sys/audit/file', z.unknown(), body, adminToken);
}

async function initialise(address: string, file: string): Promise<Keys> {
  const answer = await ask(
    address,
    'PUT',
    'sys/init',
    z.object({ keys_base64: z.tuple([z.string()]), root_token: z.string() }),
    { secret_shares: 1, secret_threshold: 1 },
  );
  const keys: Keys = { unsealKey: answer.keys_base64[0], rootToken: answer.root_token };
  // At once: nobody else will ever know them.
  await writeFile(file, JSON.stringify(keys), { mode: 0o600 });
  return keys;
}

/** An unsealed server of a raft cluster answers only when it has been elected. */
async function untilActive(address: string): Promise<void> {
  const deadlineMs = Date.now() + TIMEOUT_MS;
  for (;;) {
    const { ok, status } = await fetch(`${address}/v1/sys/health`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (ok) return;
    if (Date.now() > deadlineMs) throw new Error(`Vault is unsealed but not active (${String(status)}).`);
    await delay(ASK_AGAIN_MS);
  }
}

async function readKeys(address: string, file: string): Promise<Keys> {
  const text = await readFile(file, 'utf8').catch(() => {
    throw new Error(`Vault at ${address} is initialised, but ${file} does not hold its keys. Give both new volumes.`);
  });
  return keysSchema.parse(JSON.parse(text));
}

async function ask<T>(
  address: string,
  method: 'GET' | 'PUT',
  path: string,
  schema: z.ZodType<T>,
  body: object | null = null,
  token: Secret | null = null,
): Promise<T> {
  const response = await fetch(`${address}/v1/${path}`, {
    method,
    headers: {
      ...(token === null ? {} : { 'x-vault-token': token.reveal() }),
      ...(body === null ? {} : { 'content-type': 'application/json' }),
    },
    body: body === null ? null : JSON.stringify(body),
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`Vault answered ${path} with ${String(response.status)}: ${text}`);
  return schema.parse(text === '' ? null : JSON.parse(text));
}
