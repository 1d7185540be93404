import { exportJWK, createLocalJWKSet, generateKeyPair, SignJWT, type JWTVerifyGetKey } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { createTokenVerifier } from '../../../src/channels/api/verified-tokens.js';

const NOW_S = 1_795_000_000;
const DEMANDS = { audience: 'countersign', requiredClaims: ['exp', 'iat', 'sub'] };

type KeyPair = Awaited<ReturnType<typeof generateKeyPair>>;
let own: KeyPair;
let next: KeyPair;

beforeAll(async () => {
  [own, next] = (await Promise.all([1, 2].map(() => generateKeyPair('ES256', { extractable: true })))) as [
    KeyPair,
    KeyPair,
  ];
});

/** A key set as it is fetched: by one name, whichever key it is. */
async function fetched({ publicKey }: KeyPair): Promise<JWTVerifyGetKey> {
  return createLocalJWKSet({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256' }] });
}

/** Counts how often a key is used to verify: then its whole token is at hand. */
function counted(keys: JWTVerifyGetKey): { keys: JWTVerifyGetKey; verified: () => number } {
  let count = 0;
  const counting: JWTVerifyGetKey = (header, token) => {
    if (token.signature !== '') count += 1;
    return keys(header, token);
  };
  return { keys: counting, verified: () => count };
}

function verifierAt(seconds: { now: number }) {
  const clock = (): number => seconds.now * 1_000;
  return createTokenVerifier({ issuer: 'https://i', algorithms: ['ES256'], clockToleranceSeconds: 60, clock });
}

const token = () =>
  new SignJWT({ iss: 'https://i', aud: ['countersign', 'other'], sub: 'ben', iat: NOW_S, exp: NOW_S + 300 })
    .setProtectedHeader({ alg: 'ES256', kid: 'k' })
    .sign(own.privateKey);

describe('a token that was verified', () => {
  it('is not verified again by the same keys for the same demands', async () => {
    const [verify, { keys, verified }] = [verifierAt({ now: NOW_S }), counted(await fetched(own))];
    const sent = await token();
    const first = await verify(sent, keys, DEMANDS);
    expect([await verify(sent, keys, DEMANDS), verified()]).toEqual([first, 1]);
    await verify(sent, keys, { ...DEMANDS, audience: 'other' });
    expect(verified()).toBe(2);
    await expect(verify(sent, keys, { ...DEMANDS, audience: 'third' })).rejects.toThrow(/aud/);
    await expect(verify(`${sent.slice(0, -4)}AAAA`, keys, DEMANDS)).rejects.toThrow(/signature/);
  });

  it('is verified again by keys that were fetched anew, and refused when its own is not among them', async () => {
    const verify = verifierAt({ now: NOW_S });
    const sent = await token();
    await verify(sent, await fetched(own), DEMANDS);
    const again = counted(await fetched(own));
    await verify(sent, again.keys, DEMANDS);
    expect(again.verified()).toBe(1);
    await expect(verify(sent, await fetched(next), DEMANDS)).rejects.toThrow(/signature/);
    await expect(verify(sent, createLocalJWKSet({ keys: [] }), DEMANDS)).rejects.toThrow(/no applicable key/);
  });

  it('expires, and is too old, by the clock', async () => {
    const time = { now: NOW_S };
    const verify = verifierAt(time);
    const keys = await fetched(own);
    const sent = await token();
    const young = { ...DEMANDS, maxTokenAge: 100 };
    await Promise.all([verify(sent, keys, DEMANDS), verify(sent, keys, young)]);
    time.now = NOW_S + 161;
    await expect(verify(sent, keys, young)).rejects.toThrow(/iat/);
    time.now = NOW_S + 359;
    await verify(sent, keys, DEMANDS);
    time.now = NOW_S + 360;
    await expect(verify(sent, keys, DEMANDS)).rejects.toThrow(/exp/);
  });
});
