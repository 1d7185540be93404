import { Refusal, type RefusalCode } from '../../core/errors.js';
import type { GuardFault } from './guard.js';

/** What the sender and the record are told of a guard's fault. */
const FAULTS: Readonly<Record<GuardFault, { status: number; code: RefusalCode; words: string }>> = {
  body_too_large: { status: 413, code: 'body_too_large', words: 'the body is larger than 64 KiB' },
  header_missing: { status: 401, code: 'unauthenticated', words: 'the signature or its timestamp is missing' },
  header_repeated: { status: 401, code: 'unauthenticated', words: 'a header that must be there once is repeated' },
  timestamp_malformed: {
    status: 401,
    code: 'unauthenticated',
    words: 'the timestamp is not a whole number of seconds',
  },
  timestamp_out_of_range: {
    status: 401,
    code: 'unauthenticated',
    words: 'the timestamp is more than five minutes from now',
  },
  signature_malformed: {
    status: 401,
    code: 'signature_invalid',
    words: 'the signature is not of the form v0=<64 hex digits>',
  },
  signature_invalid: { status: 401, code: 'signature_invalid', words: 'the signature does not fit the body' },
  replayed: { status: 401, code: 'signature_invalid', words: 'this very request was received before' },
  too_many_requests: {
    status: 429,
    code: 'quota_exceeded',
    words: 'more requests than can be remembered against replay',
  },
  content_type_unsupported: {
    status: 415,
    code: 'body_malformed',
    words: 'the content type is not application/x-www-form-urlencoded',
  },
  body_not_utf8: { status: 400, code: 'body_not_utf8', words: 'the body is not UTF-8' },
  payload_missing: { status: 400, code: 'body_malformed', words: 'there is no payload' },
  payload_repeated: { status: 400, code: 'body_malformed', words: 'there is more than one payload' },
  payload_malformed: {
    status: 400,
    code: 'body_malformed',
    words: 'the payload does not have the shape of a Slack interaction',
  },
  team_not_allowed: { status: 403, code: 'forbidden', words: 'it is about another workspace than the configured one' },
  app_not_allowed: { status: 403, code: 'forbidden', words: 'it is about another app than the configured one' },
};

/** The refusal of a request that the guard did not admit, and the HTTP status that says so. */
export function refusalOf(fault: GuardFault): { refusal: Refusal; status: number } {
  const { status, code, words } = FAULTS[fault];
  return { refusal: new Refusal(code, `A request in the name of Slack was turned away: ${words}.`), status };
}
