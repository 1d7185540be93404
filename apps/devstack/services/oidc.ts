import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';
import type {
  ClientMetadata,
  Configuration,
  interactionPolicy,
  JWK,
  KoaContextWithOIDC,
  Provider,
} from 'oidc-provider';
import { signInByDevice } from './oidc-device-sign-in.js';
import { loadOidcLibrary } from './oidc-library.js';
import { CHOSEN_ACR, createLogin } from './oidc-login.js';
import { devicePages, type Person } from './oidc-pages.js';
import { createPortChooser } from './ports.js';

export interface OidcOptions {
  readonly port?: number;
  /** Address to listen on; the issuer is on loopback all the same. Default 127.0.0.1. */
  readonly host?: string;
  readonly people: readonly Person[];
  /** Where the console may be sent back to after the login. */
  readonly clients?: { readonly consoleRedirectUris?: readonly string[] };
  /** Where the library's notices and warnings go. Default: the console. */
  readonly logFile?: string;
}

export interface OidcService {
  readonly issuer: string;
  readonly jwksUri: string;
  /** `aud` of the access tokens. */
  readonly audience: string;
  /** The `resource` parameter (RFC 8707) of those tokens; also the default. */
  readonly resource: string;
  /** An access token for a person, got by driving the device flow and its forms over HTTP. */
  signIn(personId: string): Promise<string>;
  stop(): Promise<void>;
}

export type { Person };

const oidcAudience = 'countersign';
const oidcResource = 'urn:countersign:api';
export const cliClientId = 'countersign-cli';
const consoleClientId = 'countersign-console';
const scope = 'openid email profile';
const tokenTtlSeconds = 3_600;

/** Starts an identity provider in this process, for development and tests: whoever reaches it may sign in as anybody. */
export async function startOidc(options: OidcOptions): Promise<OidcService> {
  const port = await createPortChooser().choose('the identity provider', options.port);
  const issuer = `http://127.0.0.1:${String(port)}`;
  const library = await loadOidcLibrary(options.logFile);
  const provider = new library.Provider(issuer, await configure(options, library.interactionPolicy.base()));
  const login = createLogin(provider, options.people);
  const serveProvider = provider.callback();
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/interaction/')) void login(request, response);
    else void serveProvider(request, response);
  });
  server.listen(port, options.host ?? '127.0.0.1');
  await once(server, 'listening');
  return {
    issuer,
    jwksUri: `${issuer}/jwks`,
    audience: oidcAudience,
    resource: oidcResource,
    signIn: async (personId) =>
      signInByDevice({ issuer, clientId: cliClientId, resource: oidcResource, scope, personId }),
    stop: async () => close(server),
  };
}

async function configure(
  { people, clients }: OidcOptions,
  policy: interactionPolicy.DefaultPolicy,
): Promise<Configuration> {
  return {
    clients: clientMetadata(clients?.consoleRedirectUris ?? ['http://127.0.0.1/callback']),
    jwks: { keys: [await generateSigningKey()] },
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    claims: { openid: ['sub'], email: ['email'], profile: ['name'] },
    conformIdTokenClaims: false,
    acrValues: [CHOSEN_ACR],
    findAccount: (_context, sub) => {
      const person = people.find(({ id }) => id === sub);
      return person && { accountId: sub, claims: () => ({ sub, email: person.email, name: person.name }) };
    },
    extraTokenClaims: (_context, token) => {
      const person = 'accountId' in token ? people.find(({ id }) => id === token.accountId) : undefined;
      return person && { email: person.email, name: person.name };
    },
    loadExistingGrant: grantWithoutAsking,
    interactions: { policy: withoutConsent(policy), url: (_context, interaction) => `/interaction/${interaction.uid}` },
    pkce: { required: () => true },
    ttl: {
      AccessToken: tokenTtlSeconds,
      IdToken: tokenTtlSeconds,
      DeviceCode: 600,
      Grant: 86_400,
      Interaction: 600,
      Session: 86_400,
    },
    features: {
      devInteractions: { enabled: false },
      deviceFlow: { enabled: true, ...devicePages },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => oidcResource,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope,
          audience: oidcAudience,
          accessTokenTTL: tokenTtlSeconds,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  };
}

function clientMetadata(consoleRedirectUris: readonly string[]): ClientMetadata[] {
  const publicClient = { token_endpoint_auth_method: 'none', id_token_signed_response_alg: 'ES256', scope } as const;
  return [
    {
      ...publicClient,
      client_id: cliClientId,
      application_type: 'native',
      grant_types: ['urn:ietf:params:oauth:grant-type:device_code'],
      response_types: [],
      redirect_uris: [],
    },
    {
      ...publicClient,
      client_id: consoleClientId,
      application_type: 'native',
      grant_types: ['authorization_code'],
      response_types: ['code'],
      redirect_uris: [...consoleRedirectUris],
    },
  ];
}

async function generateSigningKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = await exportJWK(privateKey);
  return { ...jwk, kid: randomBytes(8).toString('hex'), alg: 'ES256', use: 'sig' };
}

// Both clients are our own: choosing a person is consent enough, also for native clients.
function withoutConsent(policy: interactionPolicy.DefaultPolicy): interactionPolicy.DefaultPolicy {
  policy.get('consent')?.checks.remove('native_client_prompt');
  return policy;
}

async function grantWithoutAsking(context: KoaContextWithOIDC): Promise<InstanceType<Provider['Grant']> | undefined> {
  const { client, session, provider } = context.oidc;
  if (!client || session?.accountId === undefined) return undefined;
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope(scope);
  grant.addResourceScope(oidcResource, scope);
  await grant.save();
  return grant;
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
