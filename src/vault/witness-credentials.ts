import type { Secret } from '../core/secret.js';
import type { PostgresTarget } from '../directory/targets.js';
import { credentialSchema, parseAnswer } from './answers.js';
import type { VaultClient } from './client.js';

export interface WitnessCredentialsOptions {
  /** Logged in as the notary. */
  client: VaultClient;
  clock: () => number;
}

/** A login that can ask a target who is there, and read no data. */
export interface WitnessCredential {
  username: string;
  password: Secret;
}

// A witness is asked at the end of every action: a login serves for half of its time.
const REUSED_FRACTION = 0.5;

/** Reads each target's witness login from Vault's database engine, as it is needed; throws VaultFault. */
export function createWitnessCredentials({
  client,
  clock,
}: WitnessCredentialsOptions): (target: PostgresTarget) => Promise<WitnessCredential> {
  const cache = new Map<string, { credential: Promise<WitnessCredential>; untilMs: number }>();
  return async ({ vault: { mount, witnessRole } }) => {
    const path = `${mount}/creds/${witnessRole}`;
    const cached = cache.get(path);
    if (cached !== undefined && clock() < cached.untilMs) return cached.credential;
    const askedAtMs = clock();
    const answer = client.read(path).then((body) => parseAnswer(credentialSchema, body, path));
    // Until the answer tells how long it lasts, everyone waits for this one.
    const entry = { credential: answer.then(({ data }) => data), untilMs: Number.POSITIVE_INFINITY };
    cache.set(path, entry);
    try {
      entry.untilMs = askedAtMs + (await answer).lease_duration * 1_000 * REUSED_FRACTION;
    } catch {
      cache.delete(path); // a failure is not kept: the next call asks again
    }
    return entry.credential;
  };
}
