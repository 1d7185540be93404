import type { Provenance } from '../directory/directory.js';
import { allOf, type AnyRecorded } from './record.js';

/**
 * On whose behalf an action was asked for, as the gateway stated it before anything was planned; null when it did not.
 * What comes after the first plan is not read: people were told who is barred by then.
 */
export function provenanceOf(statements: readonly AnyRecorded[]): Provenance | null {
  const [firstPlan] = allOf(statements, 'plan');
  const early = allOf(statements, 'provenance').filter(({ sequence }) => sequence < (firstPlan?.sequence ?? Infinity));
  if (early.length === 0) return null;
  const all = (people: (body: (typeof early)[number]['body']) => readonly string[]): string[] =>
    [...new Set(early.flatMap(({ body }) => people(body)))].sort();
  return { prompters: all(({ prompters }) => prompters), schedulers: all(({ schedulers }) => schedulers) };
}
