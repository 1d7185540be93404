import type { JWTPayload } from 'jose';
import type { ConnectorTokens, TokenChanges } from '../../fakes/teams/connector-tokens.js';
import type { RawRequest } from '../../support/raw-request.js';
import { teamsIds } from './views.js';

type Activity = Record<string, unknown>;

/** What an honest click is made of, from which each attack differs in one thing. */
export interface HonestClick {
  tokens: ConnectorTokens;
  serviceUrl: string;
  /** A press of Approve, as Teams sends it; another one each time. */
  invoke(): Activity;
}

/** `error`: what the gate names in its answer. */
export interface TeamsAttack {
  name: string;
  status: number;
  error: string;
  make(honest: HonestClick): Promise<RawRequest>;
}

const JSON_TYPE = ['content-type', 'application/json'] as const;
const ELSEWHERE = 'https://smba.example/';
const seconds = (): number => Math.floor(Date.now() / 1000);
const ENTRA = 'https://sts.windows.net/11111111-1111-4111-8111-111111111111/';
const EMULATOR = 'https://login.microsoftonline.com/f8cdef31-a31e-4b4a-93e4-5f571e91255a/v2.0';
const claims = (changed: JWTPayload): TokenChanges => ({ claims: changed });

/** The honest click with another token, or another activity. */
export async function clickWith(
  { tokens, serviceUrl, invoke }: HonestClick,
  { token = {}, activity = invoke() }: { token?: TokenChanges; activity?: unknown },
): Promise<RawRequest> {
  const rawHeaders = [...JSON_TYPE, 'authorization', `Bearer ${await tokens.sign(serviceUrl, token)}`];
  return { rawHeaders, body: Buffer.from(JSON.stringify(activity)) };
}

const TOKENS: readonly [name: string, token: () => TokenChanges, error: string][] = [
  ['of a key that the connector does not have', () => ({ key: 'stranger' }), 'key_unknown'],
  ['that borrows the id of a key', () => ({ key: 'stranger', kid: 'connector' }), 'signature_invalid'],
  ['without a key id', () => ({ kid: null }), 'key_unknown'],
  ['of a key that does not speak for Teams', () => ({ key: 'webchat' }), 'endorsement_missing'],
  ['by another algorithm', () => ({ alg: 'RS384' }), 'token_malformed'],
  ['by yet another algorithm', () => ({ alg: 'PS256' }), 'token_malformed'],
  ['that has expired', () => claims({ exp: seconds() - 61 }), 'token_expired'],
  ['of the future', () => claims({ nbf: seconds() + 70 }), 'token_expired'],
  ['that never expires', () => ({ without: ['exp'] }), 'token_expired'],
  ['for another app', () => claims({ aud: teamsIds.otherTenantId }), 'audience_not_ours'],
  ['for several apps', () => claims({ aud: [teamsIds.appId, teamsIds.otherTenantId] }), 'audience_not_ours'],
  ['of Entra ID', () => claims({ iss: ENTRA, appid: teamsIds.appId, ver: '1.0' }), 'issuer_not_allowed'],
  ['of the emulator', () => claims({ iss: EMULATOR, azp: teamsIds.appId, ver: '2.0' }), 'issuer_not_allowed'],
  ['of a skill', () => claims({ iss: ENTRA, appid: teamsIds.otherTenantId, ver: '1.0' }), 'issuer_not_allowed'],
  [
    'of an issuer that begins like the connector',
    () => claims({ iss: 'https://api.botframework.com/' }),
    'issuer_not_allowed',
  ],
  ['for another service URL', () => claims({ serviceurl: ELSEWHERE }), 'service_url_mismatch'],
  ['for no service URL', () => ({ without: ['serviceurl'] }), 'service_url_mismatch'],
];

const AUTHORIZATIONS: readonly [name: string, make: (serviceUrl: string) => string | null, error: string][] = [
  ['missing', () => null, 'header_missing'],
  ['not a bearer token', () => 'Basic eDp4', 'token_malformed'],
  ['empty', () => 'Bearer ', 'token_malformed'],
  ['not a JWT', () => 'Bearer abc', 'token_malformed'],
  ['not JSON inside', () => 'Bearer YQ.YQ.YQ', 'token_malformed'],
  ['unsigned (alg none)', (serviceUrl) => `Bearer ${unsigned(serviceUrl)}`, 'token_malformed'],
  ['unsigned, with a signature', (serviceUrl) => `Bearer ${unsigned(serviceUrl)}AAAA`, 'token_malformed'],
  ['of 9 KB', () => `Bearer ${'a'.repeat(9_000)}.a.a`, 'token_malformed'],
];

function unsigned(serviceUrl: string): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = { iss: 'https://api.botframework.com', aud: teamsIds.appId, serviceurl: serviceUrl };
  return `${part({ alg: 'none', kid: 'connector' })}.${part({ ...body, exp: seconds() + 600 })}.`;
}

const ACTIVITIES: readonly [name: string, make: (honest: Activity) => unknown, status: number, error: string][] = [
  ['that is empty', () => ({}), 400, 'activity_malformed'],
  ['that is a list', () => [], 400, 'activity_malformed'],
  ['that is null', () => null, 400, 'activity_malformed'],
  ['that is a text', () => 'x', 400, 'activity_malformed'],
  ['without a type', (honest) => ({ ...honest, type: undefined }), 400, 'activity_malformed'],
  ['without an id', (honest) => ({ ...honest, id: undefined }), 400, 'activity_malformed'],
  ['of another channel', (honest) => ({ ...honest, channelId: 'emulator' }), 403, 'channel_not_allowed'],
  ['of another service URL', (honest) => ({ ...honest, serviceUrl: ELSEWHERE }), 401, 'service_url_mismatch'],
  ['of another tenant', (honest) => inTenant(honest, teamsIds.otherTenantId), 403, 'tenant_not_allowed'],
  ['of no tenant', (honest) => inTenant(honest, undefined), 403, 'tenant_not_allowed'],
  [
    'of two tenants',
    (honest) => ({ ...honest, channelData: { tenant: { id: teamsIds.otherTenantId } } }),
    403,
    'tenant_not_allowed',
  ],
  [
    'that is another invoke',
    (honest) => ({ ...honest, name: 'composeExtension/submitAction' }),
    501,
    'invoke_unsupported',
  ],
  ['that is an invoke without a name', (honest) => ({ ...honest, name: undefined }), 501, 'invoke_unsupported'],
  ['with an unknown verb', (honest) => withAction(honest, { verb: 'countersign.run' }), 400, 'verb_unknown'],
  ['with no verb', (honest) => withAction(honest, { verb: undefined }), 400, 'verb_unknown'],
  ['that names Action.Submit', (honest) => withAction(honest, { type: 'Action.Submit' }), 400, 'submit_unsupported'],
  [
    'that is a submitted message',
    (honest) => ({
      ...honest,
      type: 'message',
      name: undefined,
      value: { verb: 'countersign.approve', ...data(honest) },
    }),
    400,
    'submit_unsupported',
  ],
  ['without data', (honest) => withAction(honest, { data: undefined }), 400, 'activity_malformed'],
  ['with a value that is null', (honest) => ({ ...honest, value: null }), 400, 'activity_malformed'],
  [
    'about no action',
    (honest) => withAction(honest, { data: { ...data(honest), actionId: '../x' } }),
    400,
    'activity_malformed',
  ],
  [
    'with a reason of 10,001 characters',
    (honest) => withAction(honest, { data: { ...data(honest), countersign_reason: 'x'.repeat(10_001) } }),
    400,
    'activity_malformed',
  ],
  ['of no message', (honest) => ({ ...honest, replyToId: undefined }), 400, 'activity_malformed'],
  ['without an Entra account', (honest) => from(honest, { aadObjectId: undefined }), 403, 'sender_unproven'],
  ['with an account that is none', (honest) => from(honest, { aadObjectId: 'ada' }), 400, 'activity_malformed'],
];

const inTenant = (honest: Activity, id: string | undefined): Activity => ({
  ...honest,
  channelData: id === undefined ? {} : { tenant: { id } },
  conversation: { ...(honest['conversation'] as object), tenantId: id },
});

const actionOf = (honest: Activity): Activity => (honest['value'] as { action: Activity }).action;

const data = (honest: Activity): Activity => actionOf(honest)['data'] as Activity;

const withAction = (honest: Activity, over: Activity): Activity => ({
  ...honest,
  value: { action: { ...actionOf(honest), ...over } },
});

const from = (honest: Activity, over: Activity): Activity => ({
  ...honest,
  from: { ...(honest['from'] as object), ...over },
});

const BODIES: readonly [name: string, body: string | Uint8Array, type: string, status: number, error: string][] = [
  ['over 64 KiB', JSON.stringify({ type: 'x'.repeat(65_536) }), 'application/json', 413, 'body_too_large'],
  ['that is not JSON', '{', 'application/json', 400, 'activity_malformed'],
  ['that is not UTF-8', new Uint8Array([0x7b, 0xff, 0x7d]), 'application/json', 400, 'body_not_utf8'],
  ['that is not said to be JSON', '{}', 'text/plain', 415, 'content_type_unsupported'],
];

/** Every request that the gate turns away. */
export const TEAMS_ATTACKS: readonly TeamsAttack[] = [
  ...TOKENS.map(([name, token, error]): TeamsAttack => ({
    name: `a token ${name}`,
    status: 401,
    error,
    make: (honest) => clickWith(honest, { token: token() }),
  })),
  ...AUTHORIZATIONS.map(([name, make, error]): TeamsAttack => ({
    name: `a token that is ${name}`,
    status: 401,
    error,
    async make(honest) {
      const authorization = make(honest.serviceUrl);
      const { body } = await clickWith(honest, {});
      return { rawHeaders: [...JSON_TYPE, ...(authorization === null ? [] : ['authorization', authorization])], body };
    },
  })),
  {
    name: 'token and activity of one service URL, which is not on the list',
    status: 403,
    error: 'service_url_not_allowed',
    make: (honest) =>
      clickWith(honest, {
        token: claims({ serviceurl: ELSEWHERE }),
        activity: { ...honest.invoke(), serviceUrl: ELSEWHERE },
      }),
  },
  ...(['authorization', 'content-type'] as const).map((name): TeamsAttack => ({
    name: `two headers ${name}`,
    status: 401,
    error: 'header_repeated',
    async make(honest) {
      const { rawHeaders, body } = await clickWith(honest, {});
      return { rawHeaders: [...rawHeaders, name, rawHeaders[rawHeaders.indexOf(name) + 1] ?? ''], body };
    },
  })),
  ...ACTIVITIES.map(([name, make, status, error]): TeamsAttack => ({
    name: `an activity ${name}`,
    status,
    error,
    make: (honest) => clickWith(honest, { activity: make(honest.invoke()) }),
  })),
  ...BODIES.map(([name, body, type, status, error]): TeamsAttack => ({
    name: `a body ${name}`,
    status,
    error,
    async make(honest) {
      const { rawHeaders } = await clickWith(honest, {});
      return { rawHeaders: ['content-type', type, ...rawHeaders.slice(JSON_TYPE.length)], body: Buffer.from(body) };
    },
  })),
];
