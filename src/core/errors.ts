/**
 * Every way in which Countersign says no, or cannot. A closed union: new codes are added here.
 * `refused` codes mean that nothing was started or changed.
 */
export const REFUSAL_CODES = [
  'body_too_large',
  'body_not_utf8',
  'body_malformed',
  'field_invalid',
  'envelope_malformed',
  'payload_type_unknown',
  'key_unknown',
  'signature_invalid',
  'agent_unknown',
  'agent_changed',
  'agent_frozen',
  'alarm_stands',
  'alarm_unknown',
  'frozen',
  'operation_unknown',
  'params_invalid',
  'target_unknown',
  'query_forbidden',
  'change_forbidden',
  'request_expired',
  'request_not_yet_valid',
  'action_id_spent',
  'action_id_mismatch',
  'quota_exceeded',
  'budget_exceeded',
  'already_asked',
  'bundle_invalid',
  'bundle_digest_mismatch',
  'policy_forbids',
  'quorum_unfillable',
  'action_unknown',
  'action_closed',
  'not_replaceable',
  'digest_mismatch',
  'run_mismatch',
  'already_decided',
  'glass_not_offered',
  'glass_not_here',
  'glass_unreviewable',
  'debt_unpaid',
  'debt_unknown',
  'already_reviewed',
  'not_an_approver',
  'self_approval',
  'person_unknown',
  'assurance_required',
  'reason_missing',
  'unauthenticated',
  'forbidden',
  'idempotency_key_reused',
  'not_found',
  'method_not_allowed',
  'media_type_unsupported',
  'artefact_gone',
  'artefact_corrupt',
  'content_too_large',
  'content_missing',
  'content_corrupt',
  'content_removed',
  'tainted_unreviewed',
  'statement_missing',
  'statement_invalid',
  'plan_stricter',
  'decisions_missing',
  'target_changed',
  'effect_grew',
  'already_claimed',
  'denied_by_person',
  'withdrawn_by_agent',
  'run_unknown',
  'lease_intercepted',
  'source_forbidden',
  'plan_failed',
] as const;
export type RefusalCode = (typeof REFUSAL_CODES)[number];

/** Whether a word, e.g. a failure's type, is one of the codes. */
export function isRefusalCode(word: unknown): word is RefusalCode {
  return (REFUSAL_CODES as readonly unknown[]).includes(word);
}

/** A typed refusal: says what happened, where, and what to do. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: RefusalCode;
  /** The field or line at fault, e.g. `params.query`; null where it is the whole. */
  readonly field: string | null;

  constructor(code: RefusalCode, message: string, field: string | null = null, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.field = field;
  }
}

/** The agent asked for the same before, and that action is still open: nothing new is started, the first is followed. */
export class AlreadyAsked extends Refusal {
  /** The action that is open. */
  readonly first: { actionId: string; requestDigest: string };

  constructor(first: { actionId: string; requestDigest: string }) {
    super(
      'already_asked',
      `The agent asked for the same already, and that action is still open: ${first.actionId}. Nothing new was started; follow that one.`,
    );
    this.first = first;
  }
}

/**
 * The effect began, and what came of it cannot be told: a person must look. Never retried.
 * The message is shown to people and says where to look.
 */
export class OutcomeUnknown extends Error {
  override readonly name = 'OutcomeUnknown';
}

/** What a service we depend on did not do. `temporary` ones are retried by Temporal. */
export class ServiceFault extends Error {
  override readonly name = 'ServiceFault';
  readonly service:
    'vault' | 'record' | 'target' | 'temporal' | 'slack' | 'teams' | 'on-call' | 'pager' | 'oidc' | 'gateway' | 'host';
  readonly temporary: boolean;
  /** How long the service asked us to wait before the next attempt; null where it did not say. */
  readonly retryAfterMs: number | null;

  constructor(
    service: ServiceFault['service'],
    message: string,
    temporary: boolean,
    options?: ErrorOptions & { retryAfterMs?: number },
  ) {
    super(message, options);
    this.service = service;
    this.temporary = temporary;
    this.retryAfterMs = options?.retryAfterMs ?? null;
  }
}
