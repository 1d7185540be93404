import type { FastifyError, FastifyReply } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { REFUSAL_CODES, Refusal, ServiceFault, type RefusalCode } from '../../core/errors.js';
import { REQUEST_LIMITS } from '../../core/schemas/action.js';

/** An error answer: Problem Details (RFC 9457) with two members of ours. */
export const problemSchema = z
  .object({
    type: z.string().describe('URI of the kind of problem; ends in `code`.'),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('What happened, where, and what to do.'),
    code: z.enum([...REFUSAL_CODES, 'unavailable', 'internal']).describe('For programs.'),
    field: z.string().nullable().describe('The field or header at fault; null where it is the whole.'),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof problemSchema>;

const FAILED_DETAIL = 'The gateway failed. Its log tells more, by the request id in the header X-Request-Id.';

// What is not listed is at odds with how things stand.
const STATUS: Partial<Record<RefusalCode, number>> = {
  body_too_large: 413,
  body_not_utf8: 400,
  body_malformed: 400,
  media_type_unsupported: 415,
  field_invalid: 400,
  envelope_malformed: 400,
  payload_type_unknown: 400,
  key_unknown: 403,
  signature_invalid: 403,
  agent_unknown: 403,
  agent_frozen: 403,
  alarm_stands: 403,
  frozen: 403,
  person_unknown: 403,
  forbidden: 403,
  policy_forbids: 403,
  not_an_approver: 403,
  self_approval: 403,
  assurance_required: 403,
  unauthenticated: 401,
  operation_unknown: 422,
  params_invalid: 422,
  target_unknown: 422,
  query_forbidden: 422,
  source_forbidden: 422,
  plan_failed: 422,
  request_expired: 422,
  request_not_yet_valid: 422,
  reason_missing: 422,
  glass_not_offered: 403,
  glass_not_here: 403,
  glass_unreviewable: 403,
  debt_unknown: 404,
  quota_exceeded: 429,
  action_unknown: 404,
  alarm_unknown: 404,
  not_found: 404,
  method_not_allowed: 405,
  artefact_gone: 410,
  artefact_corrupt: 500,
  content_too_large: 413,
  content_missing: 500,
  content_corrupt: 500,
  content_removed: 410,
  tainted_unreviewed: 403,
  statement_missing: 500,
  statement_invalid: 500,
  lease_intercepted: 500,
  bundle_digest_mismatch: 500,
  bundle_invalid: 500,
};

/** The refusal that an error amounts to; null when the gateway or a service failed instead. */
export function refusalFrom(error: unknown): Refusal | null {
  if (error instanceof Refusal) return error;
  if (hasZodFastifySchemaValidationErrors(error)) {
    const [first] = error.validation;
    const path = first?.instancePath.split('/').filter((part) => part !== '') ?? [];
    const extra = first?.params['keys'];
    const named = Array.isArray(extra) ? [...path, String(extra[0])] : path;
    const field = named.length === 0 ? null : named.join('.');
    return new Refusal('field_invalid', `${field ?? 'the whole'}: ${first?.message ?? 'is not valid'}`, field);
  }
  switch ((error as Partial<FastifyError> | null)?.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new Refusal('body_too_large', `The body is larger than ${String(REQUEST_LIMITS.bodyBytes)} bytes.`);
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new Refusal(
        'media_type_unsupported',
        'The body must be JSON: send Content-Type: application/json.',
        'Content-Type',
      );
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new Refusal('body_malformed', 'The body is not as long as Content-Length says.', 'Content-Length');
    case 'FST_ERR_BAD_URL':
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new Refusal('not_found', 'There is nothing at this address.');
    case undefined:
    default:
      return null;
  }
}

/** What an error tells the outside: never a stack, an address or a secret. */
export function problemOf(error: unknown): { problem: Problem; headers: Record<string, string> } {
  const refusal = refusalFrom(error);
  if (refusal !== null) {
    const { code, field, message } = refusal;
    const status = STATUS[code] ?? 409;
    const headers: Record<string, string> = status === 401 ? { 'www-authenticate': 'Bearer, Countersign-Agent' } : {};
    return { problem: describe({ status, code, detail: message, field }), headers };
  }
  if (error instanceof ServiceFault) {
    const detail = `${SERVICE_NAMES[error.service]} is not available. Send the same again; nothing happens twice.`;
    const seconds = Math.max(1, Math.ceil((error.retryAfterMs ?? 2_000) / 1_000));
    return {
      problem: describe({ status: 503, code: 'unavailable', detail, field: null }),
      headers: { 'retry-after': String(seconds) },
    };
  }
  return { problem: describe({ status: 500, code: 'internal', detail: FAILED_DETAIL, field: null }), headers: {} };
}

/** Answers with a problem. */
export function sendProblem(reply: FastifyReply, error: unknown): FastifyReply {
  const { problem, headers } = problemOf(error);
  // Written out here: the routes' response schemas are for their answers.
  return reply
    .code(problem.status)
    .headers(headers)
    .type('application/problem+json; charset=utf-8')
    .serializer((value: unknown) => JSON.stringify(value))
    .send(problem);
}

const SERVICE_NAMES: Record<ServiceFault['service'], string> = {
  vault: 'Vault',
  record: 'The record',
  target: 'The target',
  temporal: 'Temporal',
  slack: 'Slack',
  teams: 'Teams',
  'on-call': 'The on-call source',
  pager: 'The pager',
  oidc: 'The identity provider',
  gateway: 'The gateway',
  host: 'The machine',
};

function describe(parts: Pick<Problem, 'status' | 'code' | 'detail' | 'field'>): Problem {
  const title = parts.code.replaceAll('_', ' ');
  return { type: `https://countersign.dev/problems/${parts.code}`, title, ...parts };
}
