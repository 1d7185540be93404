import { errors, jwtVerify, type JWTPayload, type JWTVerifyOptions } from 'jose';
import { readEvent, readFrame, type ActivityFault, type TeamsEvent } from './activity.js';
import type { ConnectorKeys } from './openid-keys.js';

/** Limits of what may be sent to us in the name of Teams. */
export const GATE_LIMITS = {
  bodyBytes: 65_536,
  tokenChars: 8_192,
  /** How far the connector's clock may be from ours. */
  clockSkewSeconds: 60,
} as const;

/** Why a request was turned away before anything of it was believed. */
export type GateFault =
  | 'body_too_large'
  | 'header_missing'
  | 'header_repeated'
  | 'token_malformed'
  | 'key_unknown'
  | 'signature_invalid'
  | 'token_expired'
  | 'issuer_not_allowed'
  | 'audience_not_ours'
  | 'endorsement_missing'
  | 'service_url_mismatch'
  | 'service_url_not_allowed'
  | 'content_type_unsupported'
  | 'body_not_utf8'
  | ActivityFault;

export type Admission =
  /** `json`: the body as it was parsed, and nothing but data. */
  { ok: true; event: TeamsEvent; json: unknown; authorization: string } | { ok: false; fault: GateFault };

/** A request as it came over the wire. */
export interface RawRequest {
  /** Name, value, name, value …, as Node's `rawHeaders`: repeated headers stay apart. */
  rawHeaders: readonly string[];
  body: Uint8Array;
}

export interface GateOptions {
  appId: string;
  issuer: string;
  tenantIds: readonly string[];
  /** Beginnings of the addresses that Teams may be at, each with a slash at the end. */
  serviceUrls: readonly string[];
  keys: ConnectorKeys;
  clock: () => number;
}

/** Judges requests that claim to come from Teams. Nothing behind it, the SDK included, sees one that it did not admit. */
export interface TeamsGate {
  /** @throws ServiceFault when the connector's keys could not be read. */
  admit(request: RawRequest): Promise<Admission>;
}

/**
 * The gate. A token is the connector's own for this app (RS256 by a key endorsed for Teams, issuer, audience, lifetime), and
 * for the address that the activity names (https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication).
 */
export function createTeamsGate(options: GateOptions): TeamsGate {
  return {
    async admit(request) {
      if (request.body.byteLength > GATE_LIMITS.bodyBytes) return refuse('body_too_large');
      const bearer = readBearer(request);
      if (!bearer.ok) return bearer;
      const verified = await verifyToken(bearer.token, options);
      if (!verified.ok) return verified;
      return readBody(request, verified.claims, { ...options, authorization: `Bearer ${bearer.token}` });
    },
  };
}

type Fault = { ok: false; fault: GateFault };

function readBearer(request: RawRequest): Fault | { ok: true; token: string } {
  const [header, ...more] = headerValues(request, 'authorization');
  if (header === undefined) return refuse('header_missing');
  if (more.length > 0) return refuse('header_repeated');
  const token = /^Bearer ([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)$/.exec(header)?.[1];
  return token === undefined || token.length > GATE_LIMITS.tokenChars ? refuse('token_malformed') : { ok: true, token };
}

async function verifyToken(
  token: string,
  { appId, issuer, keys, clock }: GateOptions,
): Promise<Fault | { ok: true; claims: JWTPayload }> {
  let endorsements: readonly string[] = [];
  const verify: JWTVerifyOptions = {
    algorithms: ['RS256'],
    issuer,
    audience: appId,
    clockTolerance: GATE_LIMITS.clockSkewSeconds,
    currentDate: new Date(clock()),
    requiredClaims: ['exp', 'serviceurl'],
  };
  try {
    const { payload } = await jwtVerify(
      token,
      async ({ kid }) => {
        const found = kid === undefined ? undefined : await keys.find(kid);
        if (found === undefined) throw new errors.JWKSNoMatchingKey();
        ({ endorsements } = found);
        return found.key;
      },
      verify,
    );
    // A list of audiences may hold ours.
    if (payload.aud !== appId) return refuse('audience_not_ours');
    return endorsements.includes('msteams') ? { ok: true, claims: payload } : refuse('endorsement_missing');
  } catch (error) {
    const fault = faultOf(error);
    if (fault === undefined) throw error;
    return refuse(fault);
  }
}

/** Undefined for what is no fault of the token. */
function faultOf(error: unknown): GateFault | undefined {
  if (error instanceof errors.JWKSNoMatchingKey) return 'key_unknown';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'signature_invalid';
  if (error instanceof errors.JWTExpired) return 'token_expired';
  if (error instanceof errors.JWTClaimValidationFailed) {
    switch (error.claim) {
      case 'iss':
        return 'issuer_not_allowed';
      case 'aud':
        return 'audience_not_ours';
      case 'exp':
      case 'nbf':
      case 'iat':
        return 'token_expired';
      case 'serviceurl':
        return 'service_url_mismatch';
      default:
        return 'token_malformed';
    }
  }
  return error instanceof errors.JOSEError ? 'token_malformed' : undefined;
}

function readBody(
  request: RawRequest,
  claims: JWTPayload,
  { tenantIds, serviceUrls, authorization }: GateOptions & { authorization: string },
): Admission {
  const [type, ...more] = headerValues(request, 'content-type');
  if (more.length > 0) return refuse('header_repeated');
  if (!/^application\/json(;\s*charset=utf-8)?$/i.test(type?.trim() ?? '')) return refuse('content_type_unsupported');
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(request.body);
  } catch {
    return refuse('body_not_utf8');
  }
  const json = parseJson(text);
  const frame = readFrame(json);
  if (frame === undefined) return refuse('activity_malformed');
  if (claims['serviceurl'] !== frame.serviceUrl) return refuse('service_url_mismatch');
  if (!isAllowedUrl(frame.serviceUrl, serviceUrls)) return refuse('service_url_not_allowed');
  const event = readEvent(frame, tenantIds);
  return 'fault' in event ? refuse(event.fault) : { ok: true, event, json, authorization };
}

/** Whether an address is one that Teams may be at: the same origin, and below the path. */
export function isAllowedUrl(url: string, allowed: readonly string[]): boolean {
  return URL.canParse(url) && allowed.some((beginning) => new URL(url).href.startsWith(new URL(beginning).href));
}

function headerValues({ rawHeaders }: RawRequest, name: string): string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refuse(fault: GateFault): Fault {
  return { ok: false, fault };
}
