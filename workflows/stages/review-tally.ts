import type { PublicKey } from '../../src/core/dsse.js';
import type { CountedDecision, Prepared } from '../../src/contracts/activities.js';
import type { DecisionAnswer, ReviewState } from '../../src/contracts/workflow.js';
import { countQuorum, type QuorumState } from '../../src/core/quorum.js';

/** Public keys as the keyring in force lists them. */
export type LearntKeys = Pick<Prepared, 'decisionKeys'> & { intakeKeys: PublicKey[] };

/** How the review stands. */
export interface Standing {
  denied: CountedDecision | null;
  /** The agent's reason. */
  withdrawn: string | null;
  quorum: QuorumState;
}

/** What has been decided so far: the state that the handlers change and the stages read. */
export class ReviewTally {
  phase: ReviewState['phase'] = 'preparing';
  /** What is under review; null while it is (again) being prepared. */
  prepared: Prepared | null = null;
  decisions: CountedDecision[] = [];
  escalated: string[] = [];
  withdrawn: string | null = null;
  /** A decision came that no stage has looked at yet. */
  changed = false;
  /** How often it was asked to learn keys. */
  timesLearnt = 0;

  /** Opens a round; all that was decided about an earlier one is dropped. */
  open(prepared: Prepared): void {
    this.prepared = prepared;
    this.phase = 'waiting';
  }

  reopen(): void {
    this.prepared = null;
    this.phase = 'preparing';
    this.decisions = [];
    this.escalated = [];
    this.changed = false;
  }

  /** From now on these keys count; an agent's own stays, and one without never gets the gateway's. */
  learn({ decisionKeys, intakeKeys }: LearntKeys): void {
    const { prepared } = this;
    if (prepared === null) return;
    this.prepared = { ...prepared, decisionKeys, ...(prepared.intakeKeys !== undefined && { intakeKeys }) };
  }

  /** One decision a person: the first stands. @returns whether it counts. */
  count(decision: CountedDecision): boolean {
    if (this.phase !== 'waiting' || this.prepared === null) return false;
    if (this.hasDecided(decision.person) || this.prepared.barred.includes(decision.person)) return false;
    this.decisions.push(decision);
    this.changed = true;
    return true;
  }

  hasDecided(person: string): boolean {
    return this.decisions.some((earlier) => earlier.person === person);
  }

  /** Whether a person's groups let them fill a place now. */
  isEligible({ groups }: CountedDecision): boolean {
    const named = [...(this.prepared?.plan.stages.map(({ group }) => group) ?? []), ...this.escalated];
    return named.some((group) => groups.includes(group));
  }

  standing(): Standing {
    const { prepared, decisions, escalated, withdrawn } = this;
    const approvals = decisions.filter(({ decision }) => decision === 'approve');
    const quorum = prepared === null ? { filled: false, open: [] } : countQuorum(prepared.plan, approvals, escalated);
    return { denied: decisions.find(({ decision }) => decision === 'deny') ?? null, withdrawn, quorum };
  }

  answer(): DecisionAnswer {
    const { denied, quorum } = this.standing();
    return { state: denied !== null ? 'denied' : quorum.filled ? 'filled' : 'waiting', open: quorum.open };
  }

  describe(): ReviewState {
    return {
      phase: this.phase,
      round: this.prepared?.round ?? 0,
      approvals: this.decisions.filter(({ decision }) => decision === 'approve').map(({ person }) => person),
      open: this.standing().quorum.open,
      expiresAtMs: this.prepared?.expiresAtMs ?? null,
    };
  }
}
