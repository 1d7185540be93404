import { canonicalJson, type JsonObject } from '../../core/json.js';
import type { PolicyDocument, Selection, Statement } from './document.js';
import { covers, overlaps } from './patterns.js';

/** What a pair is about: one pattern, or everything but some patterns (NotAction, NotResource). */
export type Term = { kind: 'only'; pattern: string } | { kind: 'except'; patterns: string[] };

/** Action/resource pairs that one statement allows or denies: each of the actions on each of the resources. */
export interface Pairs {
  actions: Term[];
  resources: Term[];
  condition: JsonObject | null;
}

/** What a policy does now and did not, and the other way round. Patterns stay patterns. */
export interface EffectiveChange {
  newlyAllowed: Pairs[];
  noLongerAllowed: Pairs[];
  newlyDenied: Pairs[];
  noLongerDenied: Pairs[];
}

const NOTHING: PolicyDocument = { version: '2012-10-17', statements: [] };

/**
 * Compares two documents by what they allow and deny, not by their text. A pair counts as known before when one statement
 * of the other document covers it whole, under the same condition or none, and no unconditional Deny there covers it.
 * Several statements that only together cover a pair are not recognised: then a change is shown that is none.
 */
export function effectiveChange(before: PolicyDocument | null, after: PolicyDocument | null): EffectiveChange {
  const old = indexOf(before ?? NOTHING);
  const now = indexOf(after ?? NOTHING);
  return {
    newlyAllowed: gained(now, old, 'Allow'),
    noLongerAllowed: gained(old, now, 'Allow'),
    newlyDenied: gained(now, old, 'Deny'),
    noLongerDenied: gained(old, now, 'Deny'),
  };
}

/** Whether a policy allows an action on anything at all, whatever the condition. */
export function allowsAction({ statements }: PolicyDocument, action: string): boolean {
  const term: Term = { kind: 'only', pattern: action.toLowerCase() };
  const meets = ({ actions }: Statement): boolean =>
    selectedTerms(actions, true).some((one) => termOverlaps(one, term));
  const isDenied = statements.some(
    (statement) =>
      statement.effect === 'Deny' &&
      statement.condition === null &&
      selectedTerms(statement.actions, true).some((one) => termCovers(one, term)) &&
      selectedTerms(statement.resources, false).some((one) => one.kind === 'only' && one.pattern === '*'),
  );
  return !isDenied && statements.some((statement) => statement.effect === 'Allow' && meets(statement));
}

/** Whether some pair may be about this action (in any case). */
export function isAbout(pairs: readonly Pairs[], action: string): boolean {
  const term: Term = { kind: 'only', pattern: action.toLowerCase() };
  return pairs.some(({ actions }) => actions.some((one) => termOverlaps(lowered(one), term)));
}

interface Indexed {
  effect: Statement['effect'];
  condition: JsonObject | null;
  conditionKey: string;
  /** As spelled, and in lower case to compare with. */
  actions: { shown: Term; term: Term }[];
  resources: Term[];
}

function indexOf({ statements }: PolicyDocument): Indexed[] {
  return statements.map(({ effect, condition, actions, resources }) => ({
    effect,
    condition,
    conditionKey: canonicalJson(condition),
    actions: selectedTerms(actions, false).map((shown) => ({ shown, term: lowered(shown) })),
    resources: selectedTerms(resources, false),
  }));
}

/** Pairs of `here` with this effect that `there` does not have. */
function gained(here: Indexed[], there: Indexed[], effect: Statement['effect']): Pairs[] {
  return here.flatMap((statement) => {
    if (statement.effect !== effect) return [];
    // By statement of each side, since pairs are many: a policy of 6,144 characters can name 90,000.
    const known = createCovered(there, effect, statement.conditionKey);
    const undone = effect === 'Allow' ? createCovered(here, 'Deny', 'null') : null;
    const byResources = new Map<string, { actions: Term[]; resources: Term[] }>();
    for (const { shown, term } of statement.actions) {
      const isKnown = known.on(term);
      const isUndone = undone?.on(term);
      const resources = statement.resources.filter((resource) => !isKnown(resource) && isUndone?.(resource) !== true);
      if (resources.length === 0) continue;
      const key = canonicalJson(resources);
      const group = byResources.get(key) ?? { actions: [], resources };
      group.actions.push(shown);
      byResources.set(key, group);
    }
    return [...byResources.values()].map((group) => ({ ...group, condition: statement.condition }));
  });
}

interface Covered {
  on(action: Term): (resource: Term) => boolean;
}

/** Whether a document has a pair with an effect: covered by one statement, and an Allow not undone by a Deny. */
function createCovered(document: Indexed[], effect: Statement['effect'], conditionKey: string): Covered {
  const having = document.filter(
    (statement) =>
      statement.effect === effect && (statement.condition === null || statement.conditionKey === conditionKey),
  );
  const denying = effect === 'Allow' ? createCovered(document, 'Deny', 'null') : null;
  const resourceCovers = new Map<Indexed, Map<Term, boolean>>();
  return {
    on(action) {
      const about = having.filter(({ actions }) => actions.some(({ term }) => termCovers(term, action)));
      const isDenied = denying?.on(action);
      return (resource) => {
        if (isDenied?.(resource) === true) return false;
        return about.some((statement) => {
          const kept = resourceCovers.get(statement) ?? new Map<Term, boolean>();
          resourceCovers.set(statement, kept);
          const answer = kept.get(resource) ?? statement.resources.some((term) => termCovers(term, resource));
          kept.set(resource, answer);
          return answer;
        });
      };
    },
  };
}

function selectedTerms({ kind, patterns }: Selection, inLowerCase: boolean): Term[] {
  const terms: Term[] =
    kind === 'except' ? [{ kind, patterns }] : patterns.map((pattern): Term => ({ kind: 'only', pattern }));
  return inLowerCase ? terms.map(lowered) : terms;
}

function lowered(term: Term): Term {
  return term.kind === 'only'
    ? { kind: 'only', pattern: term.pattern.toLowerCase() }
    : { kind: 'except', patterns: term.patterns.map((pattern) => pattern.toLowerCase()) };
}

/** Whether `general` holds all of `specific`; false when that is not certain. */
function termCovers(general: Term, specific: Term): boolean {
  if (general.kind === 'only') {
    return specific.kind === 'only' ? covers(general.pattern, specific.pattern) : general.pattern === '*';
  }
  return specific.kind === 'only'
    ? general.patterns.every((pattern) => !overlaps(pattern, specific.pattern))
    : general.patterns.every((pattern) => specific.patterns.some((excepted) => covers(excepted, pattern)));
}

/** Whether both may hold something; true when that is not certain. */
function termOverlaps(one: Term, other: Term): boolean {
  if (one.kind === 'only') {
    return other.kind === 'only'
      ? overlaps(one.pattern, other.pattern)
      : !other.patterns.some((excepted) => covers(excepted, one.pattern));
  }
  return other.kind === 'only' ? termOverlaps(other, one) : true;
}
