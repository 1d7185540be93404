import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type JWTPayload } from 'jose';

/** An issuer whose keys the test holds, to make tokens that no honest provider would. */
export interface TestIssuer {
  issuer: string;
  /** The public key as PEM: what an HS256 forger would use as secret. */
  publicPem: string;
  /** A token like an honest one, but for the changes; undefined removes a claim. */
  token(change?: TokenChange): Promise<string>;
  /** Makes this the ID token that the next code is redeemed for. */
  willAnswer(idToken: string): void;
  stop(): Promise<void>;
}

export interface TokenChange {
  claims?: JWTPayload;
  header?: { alg?: string; typ?: string };
  /** Another key than the issuer's. */
  key?: Parameters<SignJWT['sign']>[0];
}

export async function startTestIssuer(): Promise<TestIssuer> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: 'test', alg: 'ES256', use: 'sig' };
  let idToken = '';
  const server = createServer((request, response) => {
    const discovery = {
      issuer,
      jwks_uri: `${issuer}/jwks`,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      authorization_response_iss_parameter_supported: true,
    };
    const answers: Record<string, unknown> = { '/jwks': { keys: [jwk] }, '/token': { id_token: idToken } };
    const answer = answers[request.url ?? ''] ?? discovery;
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  return {
    issuer,
    publicPem: await exportSPKI(publicKey),
    token({ claims = {}, header = {}, key = privateKey } = {}) {
      const now = Math.floor(Date.now() / 1_000);
      const honest = { iss: issuer, aud: 'countersign', sub: 'carol', client_id: 'cli', iat: now, exp: now + 300 };
      // JSON drops what is undefined.
      return new SignJWT(JSON.parse(JSON.stringify({ ...honest, ...claims })) as JWTPayload)
        .setProtectedHeader({ alg: 'ES256', kid: 'test', typ: 'at+jwt', ...header })
        .sign(key);
    },
    willAnswer(answer) {
      idToken = answer;
    },
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
