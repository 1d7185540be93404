import { createHash } from 'node:crypto';
import { jwtVerify, type JWTVerifyGetKey, type JWTVerifyOptions, type JWTVerifyResult, type ResolvedKey } from 'jose';

/** What is asked of a token besides its issuer, its algorithm and its time. */
export type TokenDemands = Pick<JWTVerifyOptions, 'audience' | 'requiredClaims' | 'maxTokenAge'>;

export interface TokenVerifierOptions {
  issuer: string;
  algorithms: readonly string[];
  clockToleranceSeconds: number;
  clock: () => number;
}

type Verified = JWTVerifyResult & ResolvedKey;

const MAX_REMEMBERED = 1_000;

/**
 * Makes the verifier of an issuer's JWTs. Whoever sends a token again soon pays for its signature once: what it remembers
 * is that this very key signed this very token, and counts while the issuer's keys still hold that key, as they were last
 * fetched, and until the token expires.
 * @returns a function that throws as jose's `jwtVerify`.
 */
export function createTokenVerifier({ issuer, algorithms, clockToleranceSeconds, clock }: TokenVerifierOptions) {
  const remembered = new Map<string, Verified>();
  const isOver = ({ payload: { exp = 0 } }: Verified): boolean =>
    exp <= Math.floor(clock() / 1_000) - clockToleranceSeconds;

  return async (token: string, keys: JWTVerifyGetKey, demands: TokenDemands): Promise<JWTVerifyResult> => {
    const name = createHash('sha256')
      .update(JSON.stringify([token, demands]))
      .digest('base64');
    const known = remembered.get(name);
    // Keys that were fetched anew are other objects: then all is verified again.
    if (known !== undefined && !isOver(known) && (await keys(known.protectedHeader, NO_TOKEN)) === known.key)
      return known;
    remembered.delete(name);
    const verified = await jwtVerify(token, keys, {
      ...demands,
      issuer,
      algorithms: [...algorithms],
      clockTolerance: clockToleranceSeconds,
      currentDate: new Date(clock()),
    });
    // What is judged by its age is judged each time.
    if (demands.maxTokenAge === undefined) keep(remembered, name, verified);
    return verified;
  };
}

// Keys are chosen by the protected header alone: a compact token has no other.
const NO_TOKEN = { payload: '', signature: '' };

function keep(remembered: Map<string, Verified>, name: string, verified: Verified): void {
  const [oldest] = remembered.keys();
  if (remembered.size >= MAX_REMEMBERED && oldest !== undefined) remembered.delete(oldest);
  remembered.set(name, verified);
}
