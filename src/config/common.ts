import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { digestSchema } from '../core/schemas/primitives.js';

/** Settings that every process has. Names are environment variables; each process reads its own. */
export const commonConfigSchema = z.object({
  COUNTERSIGN_TEMPORAL_ADDRESS: z
    .string()
    .default('127.0.0.1:7233')
    .describe('Host and port of the Temporal frontend.'),
  COUNTERSIGN_TEMPORAL_NAMESPACE: z.string().default('default').describe('Temporal namespace.'),
  COUNTERSIGN_RECORD_URL: z
    .url({ protocol: /^postgres(ql)?$/ })
    .describe("PostgreSQL URL of the record, with this process's own role."),
  COUNTERSIGN_VAULT_ADDRESS: z.url({ protocol: /^https?$/ }).describe('Address of Vault.'),
  COUNTERSIGN_VAULT_APPROLE_MOUNT: z
    .string()
    .regex(/^[A-Za-z0-9_-]+$/)
    .default('approle')
    .describe('Mount of the AppRole method.'),
  COUNTERSIGN_VAULT_ROLE: z
    .string()
    .regex(/^[A-Za-z0-9_-]+$/)
    .describe("Name of this process's AppRole."),
  COUNTERSIGN_VAULT_ROLE_ID: z.string().min(1).describe("This process's AppRole role id."),
  COUNTERSIGN_VAULT_WRAPPED_SECRET_ID: z.string().min(1).describe('Response-wrapped, single-use AppRole secret id.'),
  COUNTERSIGN_VAULT_TRANSIT_MOUNT: z
    .string()
    .regex(/^[A-Za-z0-9_-]+$/)
    .default('transit')
    .describe('Mount of the transit engine that holds the signing keys.'),
  COUNTERSIGN_POLICY_DIR: z.string().min(1).describe('Folder of the policy bundle.'),
  COUNTERSIGN_POLICY_DIGEST: digestSchema.describe('Digest of the only bundle that may load.'),
  COUNTERSIGN_POLICY_MOUNT: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/)
    .optional()
    .describe(
      'Mount of the KV engine (version 2) of Vault where approved policy changes lie; the bundle above is then the first of ' +
        'their chain. Default: none, and the bundle above stays in force. The same for all processes.',
    ),
  COUNTERSIGN_POLICY_POLL_SECONDS: z.coerce
    .number()
    .int()
    .min(1)
    .max(600)
    .default(10)
    .describe('How often approved policy changes are looked for, and the store is compared with what is in force.'),
  COUNTERSIGN_ROOT_KEY: z.base64().describe('Raw Ed25519 public key of the offline root, in base64.'),
  COUNTERSIGN_KEYRING_FILE: z.string().min(1).describe('File with the keyring, signed by the root.'),
  COUNTERSIGN_KEYRING_MIN_NUMBER: z.coerce
    .number()
    .int()
    .min(1)
    .default(1)
    .describe(
      'Least number that the keyring must have: raise it after each rotation, so that no older file is taken again.',
    ),
  COUNTERSIGN_ARTEFACTS_DIR: z.string().min(1).describe('Folder where outputs of operations are kept.'),
  COUNTERSIGN_PAYLOAD_ENCRYPTION: z
    .stringbool()
    .default(true)
    .describe(
      'Whether what Temporal stores of an action is encrypted. Off: new payloads are plain; encrypted ones are still read.',
    ),
  COUNTERSIGN_PAYLOAD_KEY_HOURS: z.coerce
    .number()
    .int()
    .min(1)
    .max(168)
    .default(8)
    .describe('How long one data key encrypts payloads before Vault is asked for the next.'),
  COUNTERSIGN_LOG_LEVEL: z
    .enum(['debug', 'info', 'warn', 'error'])
    .default('info')
    .describe('Least level that is logged.'),
});
export type CommonConfig = z.infer<typeof commonConfigSchema>;

/**
 * Parses a process's settings. Any of them can be given as a file instead: `NAME_FILE` names a file that holds the value
 * of `NAME`, so that a secret needs not stand in an environment.
 * @throws Error that names every setting at fault and what it must be.
 */
export function parseConfig<T>(schema: z.ZodType<T>, environment: Readonly<Record<string, string | undefined>>): T {
  const names = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  const parsed = schema.safeParse({ ...environment, ...fromFiles(names, environment) });
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw invalid(lines);
}

function fromFiles(
  names: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const values: Record<string, string> = {};
  for (const name of names) {
    const file = environment[`${name}_FILE`];
    if (file === undefined) continue;
    if (environment[name] !== undefined) throw invalid([`${name}: give it or ${name}_FILE, not both`]);
    values[name] = readValue(name, file);
  }
  return values;
}

function readValue(name: string, file: string): string {
  try {
    // Editors and `echo` end a file with a line break; no setting does.
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw invalid([`${name}_FILE: ${file} cannot be read (${code})`]);
  }
}

function invalid(lines: readonly string[]): Error {
  return new Error(`The configuration is not valid:\n${lines.map((line) => `  ${line}`).join('\n')}`);
}
