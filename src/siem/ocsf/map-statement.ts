import type { StatementBody, StatementKind } from '../../core/schemas/statements.js';
import type { About, EventParts } from './event.js';
import { ofRetrospective } from './of-break-glass.js';
import { ofClaim, ofEffect, ofReceipt, ofResult } from './of-execution.js';
import { ofAlarm, ofClearance, ofIncident, ofRefusal } from './of-findings.js';
import { ofFreeze, ofUnfreeze } from './of-freezes.js';
import { ofAdoption, ofArchive } from './of-keeping.js';
import { ofCredential, ofLease, ofRevocation } from './of-leases.js';
import { ofAttachment, ofFetch, ofProvenance, ofRequest, ofWithdrawal } from './of-requests.js';
import { ofDecision, ofEscalation, ofPlan, ofPreview } from './of-review.js';

type Mapping<K extends StatementKind> = (body: StatementBody<K>, about: About) => EventParts;

/** What each kind of statement becomes. A new kind has its line here, and an example in docs/siem.md. */
const MAPPINGS: { readonly [K in StatementKind]: Mapping<K> } = {
  request: ofRequest,
  withdrawal: ofWithdrawal,
  provenance: ofProvenance,
  attachment: ofAttachment,
  refusal: ofRefusal,
  preview: ofPreview,
  plan: ofPlan,
  decision: ofDecision,
  escalation: ofEscalation,
  claim: ofClaim,
  lease: ofLease,
  credential: ofCredential,
  effect: ofEffect,
  result: ofResult,
  incident: ofIncident,
  freeze: ofFreeze,
  unfreeze: ofUnfreeze,
  alarm: ofAlarm,
  clearance: ofClearance,
  adoption: ofAdoption,
  retrospective: ofRetrospective,
  revocation: ofRevocation,
  receipt: ofReceipt,
  archive: ofArchive,
  fetch: ofFetch,
};

/** The event of a verified statement. Pure: the same statement at the same place is the same event. */
export function mapStatement<K extends StatementKind>(kind: K, body: StatementBody<K>, about: About): EventParts {
  return (MAPPINGS[kind] as Mapping<K>)(body, about);
}
