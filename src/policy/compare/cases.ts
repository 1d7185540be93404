import type { Flag, Severity } from '../../core/schemas/action.js';
import type { Looks } from './rules.js';

/** What a preview may have found: representative for all findings that no rule tells apart from it. */
export type Findings = readonly Flag[];

const ALL_SEVERITIES: readonly Severity[] = ['info', 'low', 'medium', 'high', 'critical'];
// In code, a critical risk is never automatic: the two differ whatever the rules look at.
const ENDS: readonly Severity[] = ['info', 'critical'];

/** More subsets than this are not gone through. */
const SUBSETS_MAX = 512;

/**
 * The findings that rules can tell apart. Cedar can ask of a set of texts whether it holds texts that the rule names, and
 * whether it holds others; so every subset of the named codes, with and without one that none names, at each severity,
 * stands for all there are.
 * @returns `exhaustive` false: they were too many, and these are a sample.
 */
export function casesOf({ codes, flags, severity }: Looks): { cases: Findings[]; exhaustive: boolean } {
  const other = unnamed(codes);
  const named = flags ? [...codes].sort() : [];
  const exhaustive = 2 ** (named.length + 1) <= SUBSETS_MAX;
  const subsets = exhaustive ? allSubsets([...named, other]) : sample(named, other);
  const severities = severity ? ALL_SEVERITIES : ENDS;
  const cases = subsets.flatMap((subset) =>
    subset.length === 0
      ? [[]]
      : severities.map((worst) => subset.map((code, index) => flag(code, index === 0 ? worst : 'info'))),
  );
  return { cases, exhaustive };
}

function flag(code: string, severity: Severity): Flag {
  return { code, severity, sentence: '' };
}

/** A code that no rule names. */
function unnamed(codes: ReadonlySet<string>): string {
  let name = 'any_other';
  while (codes.has(name)) name += '_';
  return name;
}

function allSubsets(codes: readonly string[]): string[][] {
  return Array.from({ length: 2 ** codes.length }, (_, bits) =>
    codes.filter((_code, index) => (bits >> index) % 2 === 1),
  );
}

/** None, each alone, each pair, all but one, all. */
function sample(named: readonly string[], other: string): string[][] {
  const codes = [...named.slice(0, SAMPLED_CODES), other];
  const pairs = codes.flatMap((one, index) => codes.slice(index + 1).map((two) => [one, two]));
  const allButOne = codes.map((left) => codes.filter((code) => code !== left));
  return [[], ...codes.map((code) => [code]), ...pairs, ...allButOne, codes];
}

const SAMPLED_CODES = 20;
