import type { PublicKey } from '../../src/core/dsse.js';
import type { CountedDecision, Prepared } from '../../src/contracts/activities.js';
import type { DecisionAnswer, ReviewState } from '../../src/contracts/workflow.js';
import { countGlass, countQuorum, type QuorumState } from '../../src/core/quorum.js';

/** Public keys as the keyring in force lists them. */
export type LearntKeys = Pick<Prepared, 'decisionKeys'> & { intakeKeys: PublicKey[] };

/** How the review stands. */
export interface Standing {
  denied: CountedDecision | null;
  /** The agent's reason. */
  withdrawn: string | null;
  quorum: QuorumState;
  /** Null where the plan does not let anyone break the glass. */
  glass: QuorumState | null;
  /** `broken`: not its stages are filled, but enough people broke the glass. Null: it still waits. */
  filled: 'stages' | 'broken' | null;
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

  /** One decision a person: the first stands; who approved may still break the glass. @returns whether it counts. */
  count(decision: CountedDecision): boolean {
    if (this.phase !== 'waiting' || this.prepared === null) return false;
    if (this.hasDecided(decision) || this.prepared.barred.includes(decision.person)) return false;
    this.decisions.push(decision);
    this.changed = true;
    return true;
  }

  /** Whether the person has decided, and this would be nothing but another word. */
  hasDecided({ person, breakGlass }: CountedDecision): boolean {
    const earlier = this.decisions.filter((decision) => decision.person === person);
    if (breakGlass !== true) return earlier.length > 0;
    return earlier.some((decision) => decision.decision === 'deny' || decision.breakGlass === true);
  }

  /** Whether a person's groups let them fill a place now; who breaks the glass, one of those for that. */
  isEligible({ groups, breakGlass }: CountedDecision): boolean {
    const plan = this.prepared?.plan;
    const stages = (breakGlass === true ? plan?.breakGlass?.stages : plan?.stages) ?? [];
    const named = [...stages.map(({ group }) => group), ...(breakGlass === true ? [] : this.escalated)];
    return named.some((group) => groups.includes(group));
  }

  standing(): Standing {
    const { prepared, decisions, escalated, withdrawn } = this;
    const approvals = decisions.filter(({ decision }) => decision === 'approve');
    const quorum = prepared === null ? { filled: false, open: [] } : countQuorum(prepared.plan, approvals, escalated);
    const glass = prepared === null ? null : countGlass(prepared.plan, approvals);
    const filled = quorum.filled ? 'stages' : glass?.filled === true ? 'broken' : null;
    return { denied: decisions.find(({ decision }) => decision === 'deny') ?? null, withdrawn, quorum, glass, filled };
  }

  answer(): DecisionAnswer {
    const { denied, quorum, glass, filled } = this.standing();
    const state = denied !== null ? 'denied' : filled === null ? 'waiting' : 'filled';
    return { state, open: quorum.open, ...(glass !== null && { glass: glass.open }) };
  }

  describe(): ReviewState {
    return {
      phase: this.phase,
      round: this.prepared?.round ?? 0,
      approvals: this.decisions.filter(({ decision }) => decision === 'approve').map(({ person }) => person),
      ...(this.prepared?.plan.breakGlass !== undefined && {
        breaking: this.decisions.filter(({ breakGlass }) => breakGlass === true).map(({ person }) => person),
      }),
      open: this.standing().quorum.open,
      expiresAtMs: this.prepared?.expiresAtMs ?? null,
    };
  }
}
