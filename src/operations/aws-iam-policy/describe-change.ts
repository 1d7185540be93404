import { visibleLine } from '../../core/visible-text.js';
import { actionsMeant, TABLE_AS_OF } from './action-table.js';
import type { EffectiveChange, Pairs, Term } from './effective-change.js';
import { hasWildcard } from './patterns.js';

/** The effective change as lines of a diff, whole; `+` is a right that begins, `-` one that ends. */
export function describeChange(change: EffectiveChange): string[] {
  return [
    ...listed('+', 'newly allowed', change.newlyAllowed),
    ...listed('-', 'no longer allowed', change.noLongerAllowed),
    // A denial takes a right away, and its end gives one: but only where something else allows it.
    ...listed('-', 'newly denied', change.newlyDenied),
    ...listed('+', 'no longer denied', change.noLongerDenied),
    ...wildcardNotes([...change.newlyAllowed, ...change.noLongerDenied]),
  ];
}

/** How many action/resource pairs these are; a pattern counts as one. */
export function countPairs(pairs: readonly Pairs[]): number {
  return pairs.reduce((sum, { actions, resources }) => sum + actions.length * resources.length, 0);
}

/** One line for a fact. */
export function describePairs({ actions, resources, condition }: Pairs): string {
  const about = `${actions.map(describeTerm).join(', ')} on ${resources.map(describeTerm).join(', ')}`;
  return condition === null ? about : `${about} under a condition`;
}

export function describeTerm(term: Term): string {
  return visibleLine(term.kind === 'only' ? term.pattern : `everything except ${term.patterns.join(', ')}`);
}

function listed(mark: string, title: string, all: readonly Pairs[]): string[] {
  return all.flatMap(({ actions, resources, condition }) => [
    `${mark} ${title}`,
    ...actions.map((action) => `${mark}     ${describeTerm(action)}`),
    `${mark}   on`,
    ...resources.map((resource) => `${mark}     ${describeTerm(resource)}`),
    ...(condition === null ? [] : [`${mark}   if ${visibleLine(JSON.stringify(condition))}`]),
  ]);
}

/** What a wildcard stood for when the table was made; AWS adds actions, and the pattern is what counts. */
function wildcardNotes(pairs: readonly Pairs[]): string[] {
  const patterns = new Set(
    pairs.flatMap(({ actions }) =>
      actions.flatMap((term) => (term.kind === 'only' && hasWildcard(term.pattern) ? [term.pattern] : [])),
    ),
  );
  return [...patterns].flatMap((pattern) => {
    const meant = actionsMeant(pattern);
    if (meant === null) return [];
    return [`  ${visibleLine(pattern)} stood for ${meant.length} actions in ${TABLE_AS_OF}: ${meant.join(', ')}`];
  });
}
