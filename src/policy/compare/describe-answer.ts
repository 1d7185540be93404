import type { Answer } from './comparison.js';
import { describePlan } from '../review-plan.js';

/** An answer in a few words: `automatic`, `refused (policy_forbids)`, `needs 1 of dba; …`. */
export function describeAnswer(answer: Answer): string {
  switch (answer.kind) {
    case 'refused':
      return `refused (${answer.code})`;
    case 'automatic':
      return 'automatic';
    case 'reviewed':
      return lowerFirst(describePlan(answer.plan).replace(/\.$/, ''));
  }
}

/** Two answers, in no more words than tell them apart. */
export function describeAnswers(before: Answer, after: Answer): string {
  if (before.kind !== 'reviewed' || after.kind !== 'reviewed')
    return `${describeAnswer(before)} → ${describeAnswer(after)}`;
  const [was, now] = [describeAnswer(before).split('; '), describeAnswer(after).split('; ')];
  const gone = was.filter((part) => !now.includes(part)).join('; ');
  const come = now.filter((part) => !was.includes(part)).join('; ');
  return `${gone === '' ? 'the same' : gone} → ${come === '' ? 'no more' : come}`;
}

function lowerFirst(text: string): string {
  return `${text.slice(0, 1).toLowerCase()}${text.slice(1)}`;
}
