import { compareAnswers, type AnswerComparison } from './compare-answers.js';
import { compareParts } from './compare-parts.js';
import { compareRules } from './compare-rules.js';
import type { BundleComparison, ComparableBundle, Effect, PartChange, RuleChange } from './comparison.js';
import { isLoosening, together } from './effects.js';
import { sidesOf } from './scopes.js';

/**
 * What a bundle means against the one before it. Pure: it reads nothing and asks nobody.
 * Both must have loaded. Seconds for a large bundle: the policies are asked about every case that their conditions tell
 * apart, until there are too many (see `exhaustive`).
 */
export function compareBundles(before: ComparableBundle, after: ComparableBundle): BundleComparison {
  const [was, now] = sidesOf(before, after);
  const answers = compareAnswers(was, now);
  const rules = compareRules(was, now, answers);
  const parts = compareParts(was, now);
  const reasons = reasonsOf({ answers, rules, parts });
  const { demands, asking, approving, exhaustive } = answers;
  return {
    before: before.policy.bundle,
    after: after.policy.bundle,
    effect: together(reasons.map(({ effect }) => effect)),
    because: reasons.sort((a, b) => gravity(b.effect) - gravity(a.effect)).map(({ sentence }) => sentence),
    exhaustive,
    rules,
    parts,
    demands,
    asking,
    approving,
  };
}

interface Reason {
  effect: Effect;
  sentence: string;
}

interface Found {
  answers: AnswerComparison;
  rules: readonly RuleChange[];
  parts: readonly PartChange[];
}

function reasonsOf({ answers, rules, parts }: Found): Reason[] {
  const { asking, demands, approvingEffect, exhaustive } = answers;
  const reasons: Reason[] = [
    ...rules.map((rule) => ({ effect: rule.effect, sentence: `Rule "${rule.id}" was ${rule.kind}.` })),
    ...demands.map(({ effect, agents, operation, targets }) => ({
      effect,
      sentence: `${DEMANDED[effect]} of ${operation} by ${agents.join(', ')} on ${targets.map(({ name }) => name).join(', ')}.`,
    })),
    ...asking.map(({ change, agents, operation, targets }) => ({
      effect: change === 'gained' ? ('loosening' as const) : ('tightening' as const),
      sentence: `${agents.join(', ')} may ${change === 'gained' ? 'ask for' : 'not ask any more for'} ${operation} on ${targets.map(({ name }) => name).join(', ')}.`,
    })),
    ...parts.map(({ part, name, note, effect }) => ({
      effect,
      sentence: `${[part, name].filter((text) => text !== '').join(' ')}: ${note}`,
    })),
    {
      effect: approvingEffect,
      sentence: isLoosening(approvingEffect) ? 'Somebody may approve who could not.' : 'Fewer people may approve.',
    },
    ...(exhaustive
      ? []
      : [
          {
            effect: 'loosening' as const,
            sentence: 'There are more cases than could be compared, so it counts as a loosening.',
          },
        ]),
  ];
  return reasons.filter(({ effect }) => effect !== 'neutral');
}

const DEMANDED: Readonly<Record<Effect, string>> = {
  loosening: 'Less is demanded',
  tightening: 'More is demanded',
  both: 'Less is demanded in some cases and more in others',
  neutral: 'The same is demanded',
};

const GRAVITY: Readonly<Record<Effect, number>> = { loosening: 3, both: 2, tightening: 1, neutral: 0 };

function gravity(effect: Effect): number {
  return GRAVITY[effect];
}
