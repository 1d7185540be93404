import { importJWK, type CryptoKey } from 'jose';
import { z } from 'zod';
import { ServiceFault } from '../../core/errors.js';

/** A key that the Bot Connector signs with, and the channels that it may speak for. */
export interface ConnectorKey {
  key: CryptoKey | Uint8Array;
  endorsements: readonly string[];
}

export interface ConnectorKeys {
  /**
   * The key of this id; undefined for an unknown one.
   * @throws ServiceFault when the keys could not be read.
   */
  find(kid: string): Promise<ConnectorKey | undefined>;
}

export interface ConnectorKeysOptions {
  /** Address of the OpenID metadata document. */
  metadataUrl: string;
  /** `issuer` that the document must name. */
  issuer: string;
  clock: () => number;
}

/** Microsoft asks for a refresh once a day. */
const MAX_AGE_MS = 24 * 60 * 60 * 1000;
/** An unknown key may be a new one; but anybody can send unknown ones. */
const MIN_AGE_MS = 5 * 60 * 1000;
const TIMEOUT_MS = 10_000;

const metadataSchema = z.looseObject({ issuer: z.string(), jwks_uri: z.url() });
const jwksSchema = z.looseObject({
  keys: z.array(
    z.looseObject({
      kty: z.string(),
      kid: z.string(),
      n: z.string().optional(),
      e: z.string().optional(),
      endorsements: z.array(z.string()).default([]),
    }),
  ),
});
type Jwk = z.infer<typeof jwksSchema>['keys'][number];

/** The connector's keys, read when they are first needed, kept for a day. */
export function createConnectorKeys(options: ConnectorKeysOptions): ConnectorKeys {
  let known: { keys: Map<string, Jwk>; atMs: number } | undefined;
  let reading: Promise<void> | undefined;
  const read = (): Promise<void> => {
    reading ??= readKeys(options)
      .then((keys) => {
        known = { keys, atMs: options.clock() };
      })
      .finally(() => (reading = undefined));
    return reading;
  };
  return {
    async find(kid) {
      const age = known === undefined ? Infinity : options.clock() - known.atMs;
      if (age > MAX_AGE_MS || (known?.keys.has(kid) !== true && age > MIN_AGE_MS)) await read();
      const jwk = known?.keys.get(kid);
      if (jwk?.kty !== 'RSA' || jwk.n === undefined || jwk.e === undefined) return undefined;
      const key = await importJWK({ kty: 'RSA', n: jwk.n, e: jwk.e }, 'RS256');
      return { key, endorsements: jwk.endorsements };
    },
  };
}

async function readKeys({ metadataUrl, issuer }: ConnectorKeysOptions): Promise<Map<string, Jwk>> {
  const metadata = metadataSchema.safeParse(await readJson(metadataUrl));
  // Keys from elsewhere would be somebody else's.
  const isSound =
    metadata.success &&
    metadata.data.issuer === issuer &&
    new URL(metadata.data.jwks_uri).origin === new URL(metadataUrl).origin;
  if (!isSound) throw fault('The OpenID metadata of the Bot Connector is not that of the configured issuer.');
  const jwks = jwksSchema.safeParse(await readJson(metadata.data.jwks_uri));
  if (!jwks.success) throw fault('The keys of the Bot Connector cannot be read.');
  return new Map(jwks.data.keys.map((jwk) => [jwk.kid, jwk]));
}

async function readJson(url: string): Promise<unknown> {
  try {
    const answer = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (answer.ok) return await answer.json();
  } catch {
    // Said below.
  }
  throw fault('The keys of the Bot Connector could not be fetched.');
}

function fault(message: string): ServiceFault {
  return new ServiceFault('teams', message, true);
}
