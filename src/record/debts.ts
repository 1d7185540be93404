import type { StatementBody } from '../core/schemas/statements.js';
import { allOf, type AnyRecorded, type Recorded } from './record.js';

/** How the key of a decision that breaks the glass, or of a claim for that, ends. What narrows by it never decides by it. */
export const GLASS_KEY_END = '/glass';

/** The key under which a claim is on record. */
export function claimKeyOf({ step, attempt, breakGlass }: StatementBody<'claim'>): string {
  return `${step}/${String(attempt)}${breakGlass === undefined ? '' : GLASS_KEY_END}`;
}

/** What is owed for an action that ran behind a broken glass: a review of that, by those whom its plan names. */
export interface Debt {
  actionId: string;
  /** Digest of the first claim that says so. */
  claim: string;
  /** Canonical people who broke the glass, sorted: none of them reviews it. */
  by: readonly string[];
  claimedAtMs: number;
  /** Until when the review is due. */
  dueAtMs: number;
  /** Reviews that count, oldest first; the first one of each person. */
  retrospectives: readonly Recorded<'retrospective'>[];
  /** Groups of the plan's stages for whom nobody has looked yet; empty: it is paid. */
  open: readonly string[];
}

/** Turns an id of a person into that of the human; see `Directory.canonical`. */
type Canonical = (person: string) => string;

/**
 * The debt of one action, paid or not; null when none of its claims says that the glass was broken. By signed statements alone:
 * of each stage of the plan that was claimed, one person who spoke for its group, broke no glass and was not barred.
 */
export function debtOf(statements: readonly AnyRecorded[], canonical: Canonical = (person) => person): Debt | null {
  const claim = allOf(statements, 'claim').find(({ body }) => body.breakGlass !== undefined);
  const broken = claim?.body.breakGlass;
  if (claim?.actionId == null || broken === undefined) return null;
  const plan = allOf(statements, 'plan').findLast(({ body }) => body.actionDigest === claim.body.actionDigest)?.body;
  const excluded = new Set([...broken.by, ...(plan?.barred.map(({ person }) => person) ?? [])].map(canonical));
  const retrospectives = firstOfEach(
    allOf(statements, 'retrospective').filter(
      ({ body }) => body.claim === claim.digest && !excluded.has(canonical(body.by.person)),
    ),
    canonical,
  );
  const seen = new Set(retrospectives.flatMap(({ body }) => body.by.groups));
  return {
    actionId: claim.actionId,
    claim: claim.digest,
    by: broken.by,
    claimedAtMs: claim.body.claimedAtMs,
    dueAtMs: broken.dueAtMs,
    retrospectives,
    // Without its plan nobody can tell who pays it: then nobody has.
    open: plan?.plan.stages.map(({ group }) => group).filter((group) => !seen.has(group)) ?? [UNKNOWN_GROUP],
  };
}

const UNKNOWN_GROUP = 'unknown';

function firstOfEach(all: readonly Recorded<'retrospective'>[], canonical: Canonical): Recorded<'retrospective'>[] {
  const personOf = ({ body }: { body: StatementBody<'retrospective'> }): string => canonical(body.by.person);
  return all.filter((one, index) => all.findIndex((other) => personOf(other) === personOf(one)) === index);
}
