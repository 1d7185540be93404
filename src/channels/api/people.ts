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
    const type = (protectedHeader.typ ?? 'JWT').toLowerCase().replace(/^application\//, '');
    if (!tokenTypes.includes(type)) {
      throw unauthenticated(`The token is not an access token (its type must be ${tokenTypes.join(' or ')}).`);
    }
    const { sub } = payload;
    if (sub === undefined || sub === '') throw unauthenticated('The token names no subject.');
    if ([payload['client_id'], payload['azp']].includes(sub)) {
      throw unauthenticated('The token is of a program, not of a person.');
    }
    return findPerson(policy(), sub);
  };
}

/** The directory's entry of an OIDC subject. @throws Refusal `person_unknown`. */
export function findPerson(policy: Policy, subject: string): SignedInPerson {
  const person = policy.directory.personByOidcSubject(subject);
  if (person !== undefined) return { person, subject };
  throw new Refusal('person_unknown', 'You are signed in, but the directory does not list you.');
}
