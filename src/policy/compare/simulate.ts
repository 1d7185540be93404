import type { Answer, ComparableBundle, RecordedRequest } from './comparison.js';
import { describeAnswer } from './describe-answer.js';
import type { ToldLine } from './describe-comparison.js';
import { visibleLine } from '../../core/visible-text.js';
import { UNTRUSTED_INPUT } from '../taint.js';
import { answerOf, fillersOf, ownTarget } from './answers.js';

/** How one bundle answers a request, and whom it asks. */
export interface Simulated {
  answer: Answer;
  /** Canonical people who could fill a place of the plan, sorted; empty where nobody is asked. */
  asked: string[];
}

/** Decides a request under a bundle, with the flags that were found, at the time it came. */
export function simulate({ policy }: Pick<ComparableBundle, 'policy'>, request: RecordedRequest): Simulated {
  const { agent, operation, target, flags, requestedAtMs: nowMs } = request;
  const asked = { agent, operation, target, flags, nowMs };
  const answer = answerOf(policy, asked);
  if (answer.kind === 'automatic' && request.tainted) {
    const because = `Nobody would review what the agent asked for after it read untrusted input (${UNTRUSTED_INPUT}).`;
    return { answer: { kind: 'refused', code: 'tainted_unreviewed', because }, asked: [] };
  }
  if (answer.kind !== 'reviewed') return { answer, asked: [] };
  const barred = policy.directory.barredFor(agent).map(({ person }) => person);
  const fillers = fillersOf(
    policy.directory.at(nowMs, barred),
    answer.plan,
    (person) => policy.mayApprove({ ...asked, target: ownTarget(policy, target), person }).allowed,
  );
  return { answer, asked: [...new Set([...fillers.values()].flat())].sort() };
}

/** A simulated request as lines. */
export function describeSimulated(request: RecordedRequest, { answer, asked }: Simulated): ToldLine[] {
  const { actionId, agent, operation, target, summary, flags } = request;
  const found = flags.length === 0 ? 'no flags' : flags.map(({ code, severity }) => `${code} (${severity})`).join(', ');
  const why = answer.kind === 'refused' ? `: ${answer.because}` : '';
  const who = answer.kind === 'reviewed' ? [`may approve: ${asked.join(', ') || 'nobody, so it would expire'}`] : [];
  return [
    `${actionId}  ${agent} · ${operation} · ${target.name} (${target.environment})`,
    ...(summary === '' ? [] : [`  ${summary}`]),
    `  ${found}`,
    `  ${describeAnswer(answer)}${why}`,
    ...who.map((line) => `  ${line}`),
  ].map((text, index) => ({ text: visibleLine(text), tone: index === 0 ? 'heading' : 'plain' }));
}
