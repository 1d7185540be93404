import { effectOf } from './answers.js';
import type {
  AnswerCounts,
  ComparableBundle,
  Effect,
  RecordedRequest,
  ReplayDifference,
  ReplayResult,
} from './comparison.js';
import { describeAnswers } from './describe-answer.js';
import { together } from './effects.js';
import { simulate, type Simulated } from './simulate.js';

type Bundle = Pick<ComparableBundle, 'policy'>;

/** Decides recorded requests anew under two bundles, with the flags that were found then, at the time they came. */
export function replayRequests(before: Bundle, after: Bundle, requests: readonly RecordedRequest[]): ReplayResult {
  const counts = { before: noAnswers(), after: noAnswers() };
  const differences = requests.flatMap((request) => {
    const [was, now] = [simulate(before, request), simulate(after, request)];
    counts.before[was.answer.kind] += 1;
    counts.after[now.answer.kind] += 1;
    return differenceOf(request, was, now);
  });
  return { replayed: requests.length, differing: differences.length, counts, differences };
}

function noAnswers(): AnswerCounts {
  return { automatic: 0, reviewed: 0, refused: 0 };
}

function differenceOf(request: RecordedRequest, was: Simulated, now: Simulated): ReplayDifference[] {
  const demanded = effectOf(was.answer, now.answer);
  const isOtherAnswer = demanded !== 'neutral' || was.answer.kind !== now.answer.kind;
  const come = now.asked.filter((person) => !was.asked.includes(person));
  const gone = was.asked.filter((person) => !now.asked.includes(person));
  if (!isOtherAnswer && come.length === 0 && gone.length === 0) return [];
  const isAskedInBoth = was.answer.kind === 'reviewed' && now.answer.kind === 'reviewed';
  const effect: Effect = together([
    demanded,
    isAskedInBoth && come.length > 0 ? 'loosening' : 'neutral',
    isAskedInBoth && gone.length > 0 ? 'tightening' : 'neutral',
  ]);
  const { actionId, agent, operation, target, summary, requestedAtMs, outcome } = request;
  const people = [
    ...(isAskedInBoth && come.length > 0 ? [`${come.join(', ')} may approve it too`] : []),
    ...(isAskedInBoth && gone.length > 0 ? [`${gone.join(', ')} may not approve it any more`] : []),
  ];
  const note = [...(isOtherAnswer ? [describeAnswers(was.answer, now.answer)] : []), ...people].join('; ');
  return [
    {
      ...{ actionId, agent, operation, target, summary, requestedAtMs, outcome },
      effect,
      before: was.answer,
      after: now.answer,
      askedBefore: was.asked,
      askedAfter: now.asked,
      note,
    },
  ];
}
