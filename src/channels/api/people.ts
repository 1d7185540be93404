import type { JWTPayload } from 'jose';
import { Refusal } from '../../core/errors.js';
import type { Person } from '../../directory/directory.js';
import type { Policy } from '../../policy/policy.js';
import { unauthenticated, type OidcIssuer } from './oidc-issuer.js';

/** A person as the identity provider proved them. */
export interface SignedInPerson {
  person: Person;
  /** `sub` of the token. */
  subject: string;
}

export interface PersonTokensOptions {
  issuer: OidcIssuer;
  audience: string;
  /** `typ` of the access tokens, in lower case, without `application/`; RFC 9068 says `at+jwt`. */
  tokenTypes: readonly string[];
  policy: () => Policy;
}

/**
 * Reads a person's access token (RFC 9068 where its type says so).
 * @returns who it is, once the provider's signature holds and the directory lists the subject.
 */
export function createPersonTokens({ issuer, audience, tokenTypes, policy }: PersonTokensOptions) {
  return async (token: string): Promise<SignedInPerson> => {
    const { payload, protectedHeader } = await issuer.verify(token, {
      audience,
      requiredClaims: ['exp', 'iat', 'sub'],
    });
    // An ID token says who signed in at a page; it is no permission to act. Its type is `JWT`, or not said.
    const type = typeOf(protectedHeader);
    if (!tokenTypes.includes(type)) {
      throw unauthenticated(`The token is not an access token (its type must be ${tokenTypes.join(' or ')}).`);
    }
    return findPerson(policy(), subjectOf(payload));
  };
}

export interface ViewerTokensOptions extends PersonTokensOptions {
  /** `aud` of the tokens that Temporal's UI holds: by them a person may look, and decides nothing. */
  viewerAudiences: readonly string[];
}

/**
 * Reads the token by which a person has payloads decoded: one that they could act with, or an ID token or access token that
 * was issued to Temporal's UI.
 */
export function createViewerTokens({ issuer, audience, viewerAudiences, tokenTypes, policy }: ViewerTokensOptions) {
  const readPerson = createPersonTokens({ issuer, audience, tokenTypes, policy });
  return async (token: string): Promise<SignedInPerson> => {
    const { payload, protectedHeader } = await issuer.verify(token, {
      audience: [audience, ...viewerAudiences],
      requiredClaims: ['exp', 'iat', 'sub'],
    });
    if ([payload.aud].flat().includes(audience)) return readPerson(token);
    if (!TOKENS_ABOUT_PEOPLE.includes(typeOf(protectedHeader))) {
      throw unauthenticated('The token is neither an ID token nor an access token.');
    }
    return findPerson(policy(), subjectOf(payload));
  };
}

export interface PrompterTokensOptions {
  issuer: OidcIssuer;
  /** `aud` of the tokens that agents are handed: clients or resources of their own. */
  audiences: readonly string[];
  /** `aud` of the tokens that people decide with. */
  audience: string;
  /** How long ago a token may have been issued: an agent that keeps one speaks for its person that long. */
  maxAgeSeconds: number;
  policy: () => Policy;
}

/** An ID token, or an access token (RFC 9068); nothing else names a person. */
const TOKENS_ABOUT_PEOPLE = ['jwt', 'at+jwt'];

/**
 * Reads the token of a person on whose behalf an agent asks.
 * @returns who it is. A token by which the person could also decide is refused: an agent must never hold one.
 */
export function createPrompterTokens({ issuer, audiences, audience, maxAgeSeconds, policy }: PrompterTokensOptions) {
  return async (token: string): Promise<Person> => {
    const { payload, protectedHeader } = await issuer.verify(token, {
      audience: [...audiences],
      requiredClaims: ['exp', 'iat', 'sub'],
      maxTokenAge: maxAgeSeconds,
    });
    if (!TOKENS_ABOUT_PEOPLE.includes(typeOf(protectedHeader))) {
      throw unauthenticated('The token is neither an ID token nor an access token.');
    }
    if ([payload.aud].flat().includes(audience)) {
      throw unauthenticated('The person could decide with this token: never hand such a one to an agent.');
    }
    return findPerson(policy(), subjectOf(payload)).person;
  };
}

function typeOf({ typ = 'JWT' }: { typ?: string }): string {
  return typ.toLowerCase().replace(/^application\//, '');
}

function subjectOf(payload: JWTPayload): string {
  const { sub } = payload;
  if (sub === undefined || sub === '') throw unauthenticated('The token names no subject.');
  if ([payload['client_id'], payload['azp']].includes(sub)) {
    throw unauthenticated('The token is of a program, not of a person.');
  }
  return sub;
}

/** The directory's entry of an OIDC subject. @throws Refusal `person_unknown`. */
export function findPerson(policy: Policy, subject: string): SignedInPerson {
  const person = policy.directory.personByOidcSubject(subject);
  if (person !== undefined) return { person, subject };
  throw new Refusal('person_unknown', 'You are signed in, but the directory does not list you.');
}
