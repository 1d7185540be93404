import { exportJWK, generateKeyPair, importJWK, SignJWT, type JWTPayload } from 'jose';

/** Keys of the Bot Connector, of Entra ID, and of nobody. */
export type SigningKey = 'connector' | 'webchat' | 'stranger';

/** What a token may be made to say. */
export interface TokenChanges {
  key?: SigningKey;
  /** Null: none. */
  kid?: string | null;
  claims?: JWTPayload;
  /** Claims to leave out. */
  without?: readonly string[];
  alg?: 'RS256' | 'RS384' | 'PS256';
}

export interface ConnectorTokens {
  /** The key set that the connector publishes. */
  jwks: { keys: Record<string, unknown>[] };
  sign(serviceUrl: string, changes?: TokenChanges): Promise<string>;
}

export const CONNECTOR_ISSUER = 'https://api.botframework.com';

// They take seconds to make: once for a whole file of tests.
let made: ReturnType<typeof makePairs> | undefined;

async function makePairs() {
  const make = () => generateKeyPair('RS256', { extractable: true });
  const [connector, webchat, stranger] = await Promise.all([make(), make(), make()]);
  return { connector, webchat, stranger };
}

/** Tokens as the Bot Connector makes them (https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication). */
export async function createConnectorTokens(appId: string, clock: () => number): Promise<ConnectorTokens> {
  const pairs = await (made ??= makePairs());
  const endorsements = { connector: ['msteams', 'skype'], webchat: ['webchat'] };
  const keys = await Promise.all(
    (['connector', 'webchat'] as const).map(async (name) => ({
      ...(await exportJWK(pairs[name].publicKey)),
      use: 'sig',
      kid: name,
      endorsements: endorsements[name],
    })),
  );
  return {
    jwks: { keys },
    async sign(serviceUrl, { key = 'connector', kid = key, claims, without = [], alg = 'RS256' } = {}) {
      const seconds = Math.floor(clock() / 1000);
      const all = {
        serviceurl: serviceUrl,
        nbf: seconds,
        exp: seconds + 3_600,
        iss: CONNECTOR_ISSUER,
        aud: appId,
        ...claims,
      };
      const payload = Object.fromEntries(Object.entries(all).filter(([name]) => !without.includes(name)));
      const header = { alg, typ: 'JWT', ...(kid !== null && { kid }) };
      return new SignJWT(payload)
        .setProtectedHeader(header)
        .sign(await importJWK(await exportJWK(pairs[key].privateKey), alg));
    },
  };
}
