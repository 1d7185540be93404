import type { Secret } from '../../core/secret.js';
import { parseAnswer } from '../../vault/answers.js';
import { databaseAnswerSchema } from '../../vault/credentials/database.js';
import type { PostgresTarget } from '../postgres.js';
import type { WitnessDependencies } from '../target-kind.js';

/** A login that can ask a target who is there, and read no data. */
export interface WitnessLogin {
  username: string;
  password: Secret;
}

// A witness is asked at the end of every action: a login serves for half of its time.
const REUSED_FRACTION = 0.5;

/** Reads each target's witness login from Vault's database engine, as it is needed; throws VaultFault. */
export function createWitnessLogins({
  vault,
  clock,
}: WitnessDependencies): (target: PostgresTarget) => Promise<WitnessLogin> {
  const cache = new Map<string, { credential: Promise<WitnessLogin>; untilMs: number }>();
  return async (target) => {
    const path = `${target.vault.mount}/creds/${target.vault.witnessRole}`;
    const cached = cache.get(path);
    if (cached !== undefined && clock() < cached.untilMs) return cached.credential;
    const askedAtMs = clock();
    const answer = vault.read(path).then((body) => parseAnswer(databaseAnswerSchema, body, path));
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
