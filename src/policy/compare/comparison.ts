import type { SourceFile } from '../../directory/yaml-source.js';
import type { RefusalCode } from '../../core/errors.js';
import type { Flag, ReviewPlan, TargetRef } from '../../core/schemas/action.js';
import type { Policy } from '../policy.js';

/** A bundle that loads, with the files that it was loaded from: `readBundleFiles` gives them. */
export interface ComparableBundle {
  policy: Policy;
  /** By file name, all of them. */
  files: ReadonlyMap<string, SourceFile>;
}

/**
 * What a change does to what policy demands. `loosening`: somebody may do, ask for or approve what they could not, or
 * less is demanded; also all that could not be shown to be no such thing. `tightening`: the opposite, shown to be so.
 */
export type Effect = 'loosening' | 'tightening' | 'both' | 'neutral';

/** What became of one rule. `changed` is neither shown to be looser nor stricter alone. */
export type RuleChangeKind = 'added' | 'removed' | 'renamed' | 'loosened' | 'tightened' | 'changed' | 'reworded';

/** One policy of a `*.cedar` file that is not as it was. */
export interface RuleChange {
  /** `@id` after the change; before it, for one that was removed. */
  id: string;
  kind: RuleChangeKind;
  effect: Effect;
  /** Whether this rule's effect was judged, or assumed to be the worst because nothing could tell it apart. */
  judged: boolean;
  rule: 'permit' | 'forbid';
  /** Its file after the change; before it, for one that was removed. */
  file: string;
  /** `@id` before the change, where it is another. */
  idBefore?: string;
  /** For people, a sentence each: what of it differs, and what comes of that. */
  notes: string[];
  /** As written; null where it was, or is, not there. */
  before: string | null;
  after: string | null;
}

/** Where in the bundle something other than a rule differs. */
export type PartName =
  | 'schema'
  | 'bundle'
  | 'people'
  | 'groups'
  | 'agents'
  | 'targets'
  | 'delegations'
  | 'onCall'
  | 'unfreeze'
  | 'places'
  /** What this version knows no better name for. */
  | 'settings';

/** One entry of a part that is not as it was. */
export interface PartChange {
  part: PartName;
  /** What it is about, e.g. a person, a group or a target; the empty string for the part as a whole. */
  name: string;
  /** Path of the field below the entry, e.g. `vault.executeRole`; the empty string for the entry as a whole. */
  field: string;
  effect: Effect;
  /** For people: what changed and what that means, one sentence. */
  note: string;
}

/** An operation as these agents ask for it on these targets: all of them are treated alike, before and after. */
export interface Scope {
  /** Sorted. */
  agents: string[];
  operation: string;
  /** Names and environments after the change; before it, for those that are gone. Sorted by name. */
  targets: TargetRef[];
}

/** Who may approve, where the two bundles differ. */
export interface ApproverChange extends Scope {
  /** Entries of the directory that in some case may fill a place of a plan now and could not before, sorted. */
  gained: string[];
  lost: string[];
  /** All canonical people who may, in some case or other, before and after; sorted. */
  before: string[];
  after: string[];
}

/** What agents may ask for, where the two bundles differ. */
export interface AskChange extends Scope {
  /** `gained`: it may ask now. */
  change: 'gained' | 'lost';
}

/** How one question is answered. */
export type Answer =
  | { kind: 'reviewed'; plan: ReviewPlan }
  | { kind: 'automatic'; plan: ReviewPlan }
  | { kind: 'refused'; code: RefusalCode; because: string };

/** One case in which the two bundles differ. */
export interface CaseExample {
  /** What the preview found: code and severity. */
  flags: { code: string; severity: Flag['severity'] }[];
  effect: Effect;
  before: Answer;
  after: Answer;
}

/** What is demanded, where the two bundles differ. */
export interface DemandChange extends Scope {
  effect: Effect;
  /** How many of the cases that were compared differ: flags and severities that any rule tells apart. */
  casesDiffering: number;
  casesCompared: number;
  /** A case of each effect and each pair of kinds of answers. */
  examples: CaseExample[];
}

/** What one bundle means against another. */
export interface BundleComparison {
  before: { digest: string; number: number };
  after: { digest: string; number: number };
  /** Of the whole, judged conservatively: what cannot be shown to be no loosening is one. */
  effect: Effect;
  /** Why the whole counts as it does, a sentence each, gravest first. Empty: nothing differs that matters. */
  because: string[];
  /**
   * Whether every case was compared that these two bundles can meet. False: there were too many, and a sample was; what
   * differs in the rules counts as a loosening then.
   */
  exhaustive: boolean;
  rules: RuleChange[];
  parts: PartChange[];
  demands: DemandChange[];
  asking: AskChange[];
  approving: ApproverChange[];
}

/** A request on record, as far as policy is asked about it. */
export interface RecordedRequest {
  actionId: string;
  agent: string;
  operation: string;
  target: TargetRef;
  /** As the worker stated them; with the request's own one of untrusted input. */
  flags: readonly Flag[];
  tainted: boolean;
  /** For people: the summary of the preview. */
  summary: string;
  requestedAtMs: number;
  /** How it ended; null while it has not. */
  outcome: string | null;
}

/** A request that would be answered otherwise. */
export interface ReplayDifference {
  actionId: string;
  agent: string;
  operation: string;
  target: TargetRef;
  summary: string;
  requestedAtMs: number;
  outcome: string | null;
  effect: Effect;
  before: Answer;
  after: Answer;
  /** Canonical people who could fill a place of the plan; empty where nobody is asked. */
  askedBefore: string[];
  askedAfter: string[];
  /** For people: `automatic → needs 1 of dba`. */
  note: string;
}

/** What recorded requests would have met under two bundles. */
export interface ReplayResult {
  /** How many were decided anew. */
  replayed: number;
  /** How many would be answered otherwise. */
  differing: number;
  /** The same by answer under each. */
  counts: { before: AnswerCounts; after: AnswerCounts };
  /** In the order of the requests. */
  differences: ReplayDifference[];
}

export interface AnswerCounts {
  automatic: number;
  reviewed: number;
  refused: number;
}
