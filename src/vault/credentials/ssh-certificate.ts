import { generateKeyPairSync, randomInt, sign, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { ServiceFault } from '../../core/errors.js';
import { Secret } from '../../core/secret.js';
import { parseAnswer } from '../answers.js';
import type { VaultAnswer } from '../client.js';
import type { CredentialNeed, Issued } from '../leases.js';
import { readSsh } from './ssh-wire.js';

/** A key pair with a certificate of Vault's. */
export interface SshLogin {
  /** The certificate in SSH's binary form, base64: public. */
  certificate: string;
  /** PKCS #8, PEM. It is in this process's memory only. */
  privateKey: Secret;
}

/** Ed25519 over what a server asks to be signed: 64 bytes. */
export function signWithLogin({ privateKey }: SshLogin, data: Uint8Array): Buffer {
  return sign(null, data, privateKey.reveal());
}

/** What a certificate must say, no more and no less. */
export interface CertificateTerms {
  keyId: string;
  /** The only principal: the user to log in as. */
  user: string;
  /** The command that sshd runs whatever the client asks for. */
  forceCommand: string;
  /** Addresses or CIDR ranges from where it may be used. */
  sourceAddresses: readonly string[];
  /** How long it may be used to log in. */
  validSeconds: number;
  /** Whether Vault's role writes the critical options, so that nobody can ask for others. */
  fixedByRole: boolean;
}

/** A certificate as PROTOCOL.certkeys of OpenSSH describes it. */
export interface SshCertificate {
  publicKey: Buffer;
  kind: 'user' | 'host';
  keyId: string;
  principals: string[];
  validAfterMs: number;
  validBeforeMs: number;
  criticalOptions: Readonly<Record<string, string>>;
  extensions: Readonly<Record<string, string>>;
}

const CERTIFICATE_TYPE = 'ssh-ed25519-cert-v01@openssh.com';

// How far Vault's clock may differ from ours before its certificate counts as wrong.
const CLOCK_SKEW_MS = 60_000;

const answerSchema = z.object({ data: z.object({ signed_key: z.string().max(200_000) }) });

interface SigningVault {
  write(path: string, body: object): Promise<VaultAnswer>;
}

/** Names one certificate of an action that runs its command: sshd logs it at every login, and no two are alike. */
export function newKeyId(actionId: string): string {
  return `countersign-${actionId}-${randomInt(36 ** 6)
    .toString(36)
    .padStart(6, '0')}`;
}

/** Names the certificate of an action's preview. */
export function factsKeyId(actionId: string): string {
  return `countersign-${actionId}-facts`;
}

/** A certificate by `<mount>/sign/<role>`. It has no lease in Vault: it ends by its own, short validity. */
export function sshCertificate(need: {
  tokenRole: string;
  mount: string;
  role: string;
  /** For how long a session that was begun in time may last. */
  sessionSeconds: number;
  terms(): CertificateTerms;
}): CredentialNeed<SshLogin> {
  const path = `${need.mount}/sign/${need.role}`;
  return {
    tokenRole: need.tokenRole,
    role: path,
    async issue(vault): Promise<Issued<SshLogin>> {
      const terms = need.terms();
      const material = await requestCertificate(vault, path, terms);
      return {
        leaseId: null,
        seconds: terms.validSeconds + need.sessionSeconds,
        username: terms.keyId,
        material,
      };
    },
  };
}

/**
 * Makes a key pair, has Vault sign it, and checks that the certificate says exactly what was asked.
 * @throws ServiceFault `vault` when it says anything else: it is not used then.
 */
export async function requestCertificate(
  vault: SigningVault,
  path: string,
  terms: CertificateTerms,
): Promise<SshLogin> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = rawPublicKey(publicKey);
  const options = { 'force-command': terms.forceCommand, 'source-address': terms.sourceAddresses.join(',') };
  const body = {
    public_key: `ssh-ed25519 ${encodePublicKey(raw)}`,
    cert_type: 'user',
    valid_principals: terms.user,
    key_id: terms.keyId,
    ttl: `${String(terms.validSeconds)}s`,
    ...(terms.fixedByRole ? {} : { critical_options: options }),
  };
  const answer = parseAnswer(answerSchema, await vault.write(path, body), path);
  const certificate = Buffer.from(answer.data.signed_key.trim().split(/\s+/)[1] ?? '', 'base64');
  const wrong = findDeviation(certificate, raw, terms, Date.now());
  if (wrong !== null) {
    const message = `Vault's certificate by ${path} ${wrong}: it is not used. See docs/operations/ssh-command.md for the role.`;
    throw new ServiceFault('vault', message, false);
  }
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' });
  return { certificate: certificate.toString('base64'), privateKey: new Secret(pem.toString()) };
}

/** In what a certificate differs from its terms; null when it does not. */
export function findDeviation(
  encoded: Buffer,
  publicKey: Buffer,
  terms: CertificateTerms,
  nowMs: number,
): string | null {
  const certificate = parseCertificate(encoded);
  if (certificate === null) return 'is no Ed25519 certificate';
  const { criticalOptions: options, principals, validAfterMs, validBeforeMs } = certificate;
  if (certificate.kind !== 'user') return 'is not for a user';
  if (!certificate.publicKey.equals(publicKey)) return 'is for another key';
  if (certificate.keyId !== terms.keyId) return 'has another key id than was asked for';
  if (principals.length !== 1 || principals[0] !== terms.user) return 'is for other principals than was asked for';
  if (options['force-command'] !== terms.forceCommand) return 'does not force the command';
  if (options['source-address'] !== terms.sourceAddresses.join(',')) return 'is good from other addresses';
  const more = Object.keys(options).filter((name) => name !== 'force-command' && name !== 'source-address');
  if (more.length > 0) return `has further critical options (${more.join(', ')})`;
  const extensions = Object.keys(certificate.extensions);
  if (extensions.length > 0) return `has extensions (${extensions.join(', ')})`;
  if (validAfterMs > nowMs + CLOCK_SKEW_MS) return 'is not valid yet';
  if (validBeforeMs > nowMs + terms.validSeconds * 1_000 + CLOCK_SKEW_MS) return 'is valid for too long';
  return null;
}

/** @returns null for what is no certificate of an Ed25519 key. */
export function parseCertificate(encoded: Buffer): SshCertificate | null {
  try {
    const reader = readSsh(encoded);
    if (reader.string().toString() !== CERTIFICATE_TYPE) return null;
    reader.string(); // nonce
    const publicKey = reader.string();
    reader.uint64(); // serial
    const type = reader.uint32();
    if (type !== 1 && type !== 2) return null;
    const keyId = reader.string().toString();
    const principals = readStrings(reader.string());
    const [validAfterMs, validBeforeMs] = [Number(reader.uint64()) * 1_000, Number(reader.uint64()) * 1_000];
    const criticalOptions = readOptions(reader.string());
    const extensions = readOptions(reader.string());
    const kind = type === 1 ? 'user' : 'host';
    return { publicKey, kind, keyId, principals, validAfterMs, validBeforeMs, criticalOptions, extensions };
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function readStrings(packed: Buffer): string[] {
  const reader = readSsh(packed);
  const found: string[] = [];
  while (!reader.isAtEnd()) found.push(reader.string().toString());
  return found;
}

/** Name, then a string that holds the value as a string; flags have an empty one. */
function readOptions(packed: Buffer): Record<string, string> {
  const reader = readSsh(packed);
  const found: Record<string, string> = {};
  while (!reader.isAtEnd()) {
    const name = reader.string().toString();
    const value = reader.string();
    found[name] = value.length === 0 ? '' : readSsh(value).string().toString();
  }
  return found;
}

function rawPublicKey(key: KeyObject): Buffer {
  const { x } = key.export({ format: 'jwk' });
  if (x === undefined) throw new Error('rawPublicKey: this is no Ed25519 key');
  return Buffer.from(x, 'base64url');
}

function encodePublicKey(raw: Buffer): string {
  // Both fields as RFC 8709 has them: the name, then 32 bytes.
  const prefix = Buffer.from('0000000b7373682d6564323535313900000020', 'hex');
  return Buffer.concat([prefix, raw]).toString('base64');
}
