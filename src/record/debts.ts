import { digestOf } from '../core/json.js';
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
  /** Digest of the newest claim that says so: a glass that is broken anew, in whatever round, is reviewed anew. */
  claim: string;
  /** Canonical people who broke the glass, in whichever round, sorted: none of them reviews it. */
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
  const claims = allOf(statements, 'claim')
    .filter(({ body }) => body.breakGlass !== undefined)
    // By the number that the executor signed, not by where the row stands.
    .sort((one, other) => numberOf(one) - numberOf(other));
  const claim = claims.at(-1);
  const broken = claim?.body.breakGlass;
  if (claim?.actionId == null || broken === undefined) return null;
  const by = [...new Set(claims.flatMap(({ body }) => body.breakGlass?.by ?? []))].sort();
  const plan = claimedPlan(statements, claim);
  const excluded = new Set([...by, ...(plan?.barred.map(({ person }) => person) ?? [])].map(canonical));
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
    by,
    claimedAtMs: claim.body.claimedAtMs,
    dueAtMs: broken.dueAtMs,
    retrospectives,
    // Without its plan nobody can tell who pays it: then nobody has.
    open: plan?.plan.stages.map(({ group }) => group).filter((group) => !seen.has(group)) ?? [UNKNOWN_GROUP],
  };
}

const UNKNOWN_GROUP = 'unknown';

function numberOf({ statement }: Recorded<'claim'>): number {
  return statement.predicate.chain?.number ?? 0;
}

/**
 * The plan that was claimed; undefined when none on record is it. Whoever has the worker's key states plans at any time, under
 * whatever digest: it is the first one from before the claim that the claimed digest was made of.
 */
export function claimedPlan(
  statements: readonly AnyRecorded[],
  claim: Recorded<'claim'>,
): StatementBody<'plan'> | undefined {
  return allOf(statements.slice(0, statements.indexOf(claim)), 'plan').find(
    ({ body: { actionDigest, snapshot, plan } }) =>
      actionDigest === claim.body.actionDigest &&
      digestOf(snapshot) === actionDigest &&
      digestOf(plan) === snapshot.planDigest,
  )?.body;
}

function firstOfEach(all: readonly Recorded<'retrospective'>[], canonical: Canonical): Recorded<'retrospective'>[] {
  const personOf = ({ body }: { body: StatementBody<'retrospective'> }): string => canonical(body.by.person);
  return all.filter((one, index) => all.findIndex((other) => personOf(other) === personOf(one)) === index);
}
