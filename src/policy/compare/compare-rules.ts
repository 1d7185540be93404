import { PLAN_ANNOTATIONS, readPlan } from '../annotations.js';
import { planDifference } from '../plan-difference.js';
import { planEffect } from './answers.js';
import type { AnswerComparison } from './compare-answers.js';
import type { Effect, RuleChange } from './comparison.js';
import { together } from './effects.js';
import { compareMatches, MATCHES_MAX, type Budget } from './matches.js';
import { concerns, couldFail, type Rule } from './rules.js';
import type { Side } from './scopes.js';

/** What became of each rule that is not as it was. Rules are known by `@id`; a renamed one by all else. */
export function compareRules(before: Side, after: Side, answers: AnswerComparison): RuleChange[] {
  const gone = [...before.rules.values()].filter(({ id }) => !after.rules.has(id));
  const come = [...after.rules.values()].filter(({ id }) => !before.rules.has(id));
  const pairs = pairUp(gone, come);
  const budget = { left: MATCHES_MAX };
  const kept = [...after.rules.values()].flatMap((now) => {
    const was = before.rules.get(now.id) ?? pairs.get(now);
    return was === undefined ? [] : compareRule(was, now, { before, after, answers, budget });
  });
  const paired = new Set(pairs.values());
  const removed = gone.filter((rule) => !paired.has(rule)).map((rule) => removal(rule, before, answers));
  const added = come.filter((rule) => !pairs.has(rule)).map((rule) => addition(rule, after, answers));
  return [...removed, ...added, ...kept].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

/** Rules that came under a new name: the same in all else, or at least of the same scope. By the new one. */
function pairUp(gone: readonly Rule[], come: readonly Rule[]): Map<Rule, Rule> {
  const pairs = new Map<Rule, Rule>();
  const free = new Set(gone);
  const ways = [
    (rule: Rule) => JSON.stringify([rule.meaning, termsOf(rule)]),
    (rule: Rule) => rule.meaning,
    ({ json: { effect, principal, action, resource } }: Rule) => JSON.stringify([effect, principal, action, resource]),
  ];
  for (const way of ways) {
    const alike = new Map<string, Rule[]>();
    for (const rule of free) alike.set(way(rule), [...(alike.get(way(rule)) ?? []), rule]);
    for (const now of come) {
      if (pairs.has(now)) continue;
      const was = alike.get(way(now))?.shift();
      if (was === undefined) continue;
      pairs.set(now, was);
      free.delete(was);
    }
  }
  return pairs;
}

/** Annotations other than its name, sorted. */
function termsOf({ annotations }: Rule): [string, string][] {
  return Object.entries(annotations)
    .filter(([name]) => name !== 'id')
    .sort(([one], [other]) => (one < other ? -1 : 1));
}

interface Context {
  before: Side;
  after: Side;
  answers: AnswerComparison;
  budget: Budget;
}

function compareRule(was: Rule, now: Rule, context: Context): RuleChange[] {
  const isSameMeaning = was.meaning === now.meaning;
  const isSameTerms = JSON.stringify(termsOf(was)) === JSON.stringify(termsOf(now));
  const isRenamed = was.id !== now.id;
  if (isSameMeaning && isSameTerms && !isRenamed && was.text === now.text && was.file === now.file) return [];
  const change = {
    id: now.id,
    rule: now.effect,
    file: now.file,
    ...(isRenamed && { idBefore: was.id }),
    before: was.text,
    after: now.text,
  };
  const renamed = isRenamed ? [`It was called "${was.id}".`] : [];
  if (isSameMeaning && isSameTerms) {
    const moved = was.file === now.file ? 'Only its wording or its comments differ' : `It was in ${was.file}`;
    const note = isRenamed ? 'All else means the same.' : `${moved}: it means the same.`;
    return [
      {
        ...change,
        kind: isRenamed ? 'renamed' : 'reworded',
        effect: 'neutral',
        judged: true,
        notes: [...renamed, note],
      },
    ];
  }
  const terms = isSameTerms ? null : compareTerms(was, now, context);
  const meaning = isSameMeaning ? null : compareMeaning(was, now, context);
  const effect = together([terms?.effect ?? 'neutral', meaning?.effect ?? 'neutral']);
  const kind = effect === 'loosening' ? 'loosened' : effect === 'tightening' ? 'tightened' : 'changed';
  const notes = [...renamed, ...(terms?.notes ?? []), ...(meaning?.notes ?? [])];
  return [{ ...change, kind, effect, judged: (terms?.judged ?? true) && (meaning?.judged ?? true), notes }];
}

/** What one aspect of a rule's change comes to. */
interface Judgement {
  effect: Effect;
  judged: boolean;
  notes: string[];
}

const NOT_TOLD_APART = 'No case that this bundle can meet tells the two apart; it counts as a loosening.';

/** Annotations of a permit are compared as the plans that they demand: several permits together demand no less. */
function compareTerms(was: Rule, now: Rule, { before, after }: Context): Judgement {
  const names = [...new Set([...termsOf(was), ...termsOf(now)].map(([name]) => name))].filter(
    (name) => was.annotations[name] !== now.annotations[name],
  );
  const notes = names.map((name) => `@${name}: ${quoted(was.annotations[name])} → ${quoted(now.annotations[name])}.`);
  const known = names.every((name) => (PLAN_ANNOTATIONS as readonly string[]).includes(name));
  const [old, fresh] = [planOf(was, before), planOf(now, after)];
  if (!known || old === null || fresh === null) {
    return {
      effect: 'loosening',
      judged: false,
      notes: [...notes, 'What this means cannot be judged here; it counts as a loosening.'],
    };
  }
  const effect = planEffect(old, fresh);
  const isTold = (planDifference(old, fresh).plan ?? []).length > 0 || effect !== 'neutral';
  return {
    effect,
    judged: true,
    notes: [...notes, ...(isTold ? [] : ['It decides nothing about who may approve or what is lent.'])],
  };
}

function planOf(rule: Rule, { policy }: Side): ReturnType<typeof readPlan>['plan'] {
  return readPlan(rule.id, rule.annotations, policy.directory).plan;
}

function quoted(text: string | undefined): string {
  return text === undefined ? 'none' : JSON.stringify(text);
}

/** Scope or conditions differ: the cases in which each of the two holds are compared, one by one. */
function compareMeaning(was: Rule, now: Rule, { before, after, answers, budget }: Context): Judgement {
  const notes = ['Its scope or its conditions differ.'];
  if (was.effect !== now.effect) {
    notes.push(`It was a ${was.effect} and is a ${now.effect} now.`);
    return cautious({ effect: now.effect === 'forbid' ? 'tightening' : 'loosening', judged: true, notes }, was);
  }
  const matches = compareMatches(was, now, [before, after], budget);
  if (!matches.exhaustive) {
    notes.push('There are more cases than can be compared; it counts as a loosening.');
    return { effect: 'loosening', judged: false, notes };
  }
  const { onlyBefore, onlyAfter } = matches;
  if (onlyBefore === 0 && onlyAfter === 0)
    return { effect: 'loosening', judged: false, notes: [...notes, NOT_TOLD_APART] };
  notes.push(
    `Of ${cases(matches.compared)} it held in ${String(onlyBefore)} where it holds no more, and holds in ${String(onlyAfter)} where it did not.`,
  );
  if (was.effect === 'permit' && (isAboutReview(was, before) || isAboutReview(now, after))) {
    return cautious(byAnswers([was.id, now.id], notes, answers), was);
  }
  const isForbid = was.effect === 'forbid';
  const effect = together([
    onlyBefore > 0 ? (isForbid ? 'loosening' : 'tightening') : 'neutral',
    onlyAfter > 0 ? (isForbid ? 'tightening' : 'loosening') : 'neutral',
  ]);
  return cautious({ effect, judged: true, notes }, was);
}

function cases(count: number): string {
  return count === 1 ? 'one case' : `${count.toLocaleString('en-US')} cases`;
}

function addition(rule: Rule, side: Side, answers: AnswerComparison): RuleChange {
  const change = {
    id: rule.id,
    kind: 'added' as const,
    rule: rule.effect,
    file: rule.file,
    before: null,
    after: rule.text,
  };
  if (rule.effect === 'forbid')
    return {
      ...change,
      effect: 'tightening',
      judged: true,
      notes: ['What it forbids was not forbidden by it before.'],
    };
  if (isAboutReview(rule, side)) return { ...change, ...byAnswers([rule.id], [], answers) };
  return { ...change, effect: 'loosening', judged: true, notes: ['It permits what it did not permit before.'] };
}

function removal(rule: Rule, side: Side, answers: AnswerComparison): RuleChange {
  const change = {
    id: rule.id,
    kind: 'removed' as const,
    rule: rule.effect,
    file: rule.file,
    before: rule.text,
    after: null,
  };
  if (rule.effect === 'forbid') return { ...change, effect: 'loosening', judged: true, notes: ['It forbids no more.'] };
  if (isAboutReview(rule, side)) return { ...change, ...cautious(byAnswers([rule.id], [], answers), rule) };
  return { ...change, ...cautious({ effect: 'tightening', judged: true, notes: ['It permits no more.'] }, rule) };
}

/** A permit that demands a review both lets through and demands: only the answers that it determined tell which. */
function byAnswers(
  ids: readonly string[],
  notes: readonly string[],
  { effectByRule, exhaustive }: AnswerComparison,
): Judgement {
  const effects = new Set(ids.flatMap((id) => [...(effectByRule.get(id) ?? [])]));
  if (!exhaustive) {
    const note = 'There are more cases than can be compared; it counts as a loosening.';
    return { effect: 'loosening', judged: false, notes: [...notes, note] };
  }
  if (effects.size === 0) {
    const note = 'No answer differs for it, because other rules demand no less; it counts as a loosening.';
    return { effect: 'loosening', judged: false, notes: [...notes, note] };
  }
  return { effect: together(effects), judged: true, notes: [...notes, 'See what is demanded.'] };
}

/** A rule that fails forbids all that it is asked about. Whether the one before did cannot be seen. */
function cautious(judgement: Judgement, was: Rule): Judgement {
  if (!couldFail(was)) return judgement;
  const note = 'Evaluating it could fail, which forbade everything; without it that may be permitted.';
  return { effect: together([judgement.effect, 'loosening']), judged: false, notes: [...judgement.notes, note] };
}

function isAboutReview(rule: Rule, { operations }: Side): boolean {
  return [...operations.keys()].some((operation) => concerns(rule, 'review', operation));
}
