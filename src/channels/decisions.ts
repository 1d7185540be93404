import type { DecisionAnswer } from '../contracts/workflow.js';
import type { SignInProof } from '../core/schemas/statements.js';
import type { Person } from '../directory/directory.js';

/** A person's decision as a channel hands it over; the channel has authenticated the person. */
export interface DecisionRequest {
  actionId: string;
  /** Digest of what the person was shown. */
  actionDigest: string;
  decision: 'approve' | 'deny';
  /** Beside an approval: it breaks the glass. Absent: it does not. */
  breakGlass?: true;
  /** Required to deny, and to break the glass. */
  reason: string;
  person: Person;
  via: {
    /** Name of the channel. */
    channel: string;
    /** Who the channel says decided, e.g. `T01/U02` or an OIDC subject. */
    subject: string;
    /** The channel's own id of the event: a double click is one decision. */
    eventId: string;
  };
  /** How the person signed in; absent: the channel does not know. */
  signIn?: SignInProof;
}

/** The one way from an authenticated person to a signed decision; shared by all channels. */
export interface Decisions {
  /**
   * Checks state, digest, membership, separation of duties and the policy's approve question; signs and records
   * the decision; sends it to the workflow.
   * @throws Refusal naming why it does not count; every refusal is on record.
   * @throws ServiceFault when it could not be recorded or delivered: the same event may be sent again.
   */
  decide(request: DecisionRequest): Promise<DecisionAnswer>;
}
