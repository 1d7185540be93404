import type { Envelope } from '../core/dsse.js';
import type { Refusal } from '../core/errors.js';
import type { AlarmState } from './alarms.js';
import type { Debt } from './debts.js';
import type { AskedOnce } from './asked-once.js';
import type { RecentEffects } from './effects.js';
import type { FreezeScope, Statement, StatementBody, StatementKind } from '../core/schemas/statements.js';

/** A statement to be numbered, chained, signed and stored by the process that makes it. */
export interface Draft<K extends StatementKind = StatementKind> {
  kind: K;
  /** Null only for a refusal of something that named no readable action. */
  actionId: string | null;
  /** Digest of the request that all statements about this action have as subject; of what was sent, for such a refusal. */
  requestDigest: string;
  body: StatementBody<K>;
  /** Makes the append idempotent: a second draft with this key for the same action and kind returns the first statement. */
  key?: string;
  /** Refused as `already_claimed` where something is under its key, instead of answered with that. */
  isFirst?: true;
}

/** A statement on record, its signature already verified. */
export interface Recorded<K extends StatementKind = StatementKind> {
  /** Order of arrival over the whole record. */
  sequence: number;
  kind: K;
  actionId: string | null;
  /** SHA-256 of the payload: the statement's name. */
  digest: string;
  body: StatementBody<K>;
  statement: Statement<K>;
  envelope: Envelope;
  /** The idempotency key it was appended with, if any. */
  key: string | null;
  recordedAtMs: number;
}

/** Any recorded statement, discriminated by `kind`. */
export type AnyRecorded = { [K in StatementKind]: Recorded<K> }[StatementKind];
/** Any draft, discriminated by `kind`. */
export type AnyDraft = { [K in StatementKind]: Draft<K> }[StatementKind];

/** What the list of actions can be narrowed by. */
export interface ActionFilter {
  agent?: string;
  /** Only actions without a receipt. */
  open?: boolean;
  /** Only actions with a receipt. */
  concluded?: boolean;
  limit: number;
  /** Only actions older than this id (ULIDs sort by time). */
  before?: string;
}

/** What the list of incidents can be narrowed by. */
export interface IncidentFilter {
  agent?: string;
  /** Only incidents that came on record before this one: `next` of the page before. */
  before?: number;
  limit: number;
}

/** Incidents, newest first. */
export interface IncidentPage {
  incidents: Recorded<'incident'>[];
  /** Ids of actions with an incident that does not verify: the record was tampered with. */
  unreadable: string[];
  /** `before` for the next page; null on the last. */
  next: number | null;
}

/** Freezes and what lifts them, oldest first. */
export interface FreezeList {
  statements: AnyRecorded[];
  /** Digests of those that do not verify: the record was tampered with, and what they cover is refused. */
  unreadable: string[];
}

/** What is owed for broken glasses. */
export interface DebtList {
  /** Unpaid ones, oldest first. */
  debts: Debt[];
  /** Actions behind a broken glass whose statements do not verify, or are gone: nobody can tell what is owed for them. */
  unreadable: string[];
  /** Where the executor's newest statements do not hold together; null when they do, or were not looked at. */
  gap: string | null;
}

/** The append-only record. */
export interface Record {
  /**
   * Appends in one transaction, signed by this process. All or nothing. With a claim, an effect, a credential or a revocation
   * comes its row (see `Claims`): what that refuses is not stated.
   * @throws Refusal `already_claimed` for a claim or an effect that comes too late; `action_closed` for a credential whose lease
   * has ended.
   * @throws ServiceFault `record` or `vault` when it could not be written: the caller must not go on.
   */
  append(drafts: readonly AnyDraft[]): Promise<AnyRecorded[]>;
  /**
   * Appends what an agent itself signed (`request`, `withdrawal`); the caller verified it.
   * @param once of a request: it joins an open one for the same, and later ones join it
   * @returns whether it is new; the same envelope again is `known`.
   * @throws Refusal `action_id_spent` when another request holds this action id; AlreadyAsked naming the action it joins.
   */
  appendAgentStatement(
    kind: 'request' | 'withdrawal',
    actionId: string,
    envelope: Envelope,
    once?: AskedOnce,
  ): Promise<'new' | 'known'>;
  /** The open action that a request for this would join; null when there is none. */
  openTwin(once: AskedOnce, actionId: string): Promise<{ actionId: string; requestDigest: string } | null>;
  /**
   * All statements about an action, oldest first, every signature verified.
   * @throws Refusal `statement_invalid` when one does not verify: a tampered record is never read past.
   */
  ofAction(actionId: string): Promise<AnyRecorded[]>;
  /**
   * Of several actions at once (25 in one query), in the order of their ids; where `ofAction` would refuse, that Refusal.
   * @param kinds what is read, and judged; `request` is always among them. Default: everything.
   */
  ofActions(
    actionIds: readonly string[],
    kinds?: readonly ['request', ...StatementKind[]],
  ): Promise<(AnyRecorded[] | Refusal)[]>;
  /** Ids of actions, newest first. */
  listActions(filter: ActionFilter): Promise<string[]>;
  /**
   * All freezes of one of these scopes (of one agent at most), and what lifts them, oldest first, every signature verified.
   * Asked anew each time.
   * @throws as `ofAction`.
   */
  freezesOf(scopes: readonly FreezeScope[]): Promise<AnyRecorded[]>;
  /** The newest 1,000 freezes of whatever scope, of older ones those that are not lifted (1,000 of them), and what lifts them. */
  newestFreezes(): Promise<FreezeList>;
  /**
   * Alarms that stand, and those that were cleared within a week, oldest first; every signature verified, asked anew each
   * time. One that is not on record as it was stated is among them, and stops approvals.
   */
  alarms(): Promise<AlarmState[]>;
  /**
   * All effects that began within this long, or may have; asked anew each time.
   * @throws as `ofAction`, also when what ran is not on record or does not verify: then nobody can count it.
   */
  effectsWithin(windowMs: number): Promise<RecentEffects>;
  /**
   * What is owed for broken glasses; asked anew each time.
   * @param options `chained`: whether the executor's newest statements are all there is looked at, too
   */
  debts(options?: { chained?: boolean }): Promise<DebtList>;
  listIncidents(filter: IncidentFilter): Promise<IncidentPage>;
  close(): Promise<void>;
}

/** The newest statement of a kind, if there is one. */
export function latest<K extends StatementKind>(statements: readonly AnyRecorded[], kind: K): Recorded<K> | undefined {
  return statements.findLast((statement) => statement.kind === kind) as Recorded<K> | undefined;
}

/** All statements of a kind, oldest first. */
export function allOf<K extends StatementKind>(statements: readonly AnyRecorded[], kind: K): Recorded<K>[] {
  return statements.filter((statement) => statement.kind === kind) as unknown as Recorded<K>[];
}
