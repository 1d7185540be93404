import type { ActionSummary } from '../../../src/client/answers.js';
import { visibleLine } from '../../../src/core/visible-text.js';
import type { Severity } from '../../../src/core/schemas/action.js';
import type { ActionView } from '../../../src/record/action-view.js';
import type { Style } from './style.js';
import { span } from './time.js';

/** Where an action stands, in one word: the outcome's, once there is one. */
export function stateWord(action: Pick<ActionSummary, 'state' | 'outcome'>): string {
  return action.outcome?.status ?? action.state;
}

export function styledState(word: string, style: Style): string {
  if (word === 'succeeded') return style.green(word);
  if (['effect_mismatch', 'failed', 'unknown', 'interrupted', 'refused'].includes(word)) return style.red(word);
  return ['waiting', 'approved', 'running'].includes(word) ? style.yellow(word) : word;
}

export function styledRisk(risk: Severity, style: Style): string {
  if (risk === 'critical' || risk === 'high') return style.red(risk);
  return risk === 'medium' ? style.yellow(risk) : risk;
}

/** Who is still waited for: `dba (2 more), data-owner (1 more)`; empty when nobody is. */
export function waitedFor(quorum: ActionSummary['quorum'] | ActionView['quorum']): string {
  return (quorum?.open ?? []).map(({ group, places }) => `${visibleLine(group)} (${String(places)} more)`).join(', ');
}

/** What an action waits for, without times: equal texts mean that nothing changed. */
export function statusOf(action: ActionView): string {
  switch (action.state) {
    case 'preparing':
      return 'Preparing the preview';
    case 'waiting': {
      const escalated = action.escalated.map(({ group }) => visibleLine(group)).join(', ');
      const also = escalated === '' ? '' : `, or for ${escalated} in any place`;
      const again = action.reopened === null ? '' : `; asked again: ${visibleLine(action.reopened.message)}`;
      return `Waiting for ${waitedFor(action.quorum)}${also}${again}`;
    }
    case 'approved':
      return `Approved by ${approvers(action)}; about to run`;
    case 'running':
      return 'Running';
    case 'done':
      return `Ended: ${stateWord(action)}`;
  }
}

/** How long the action may still begin; empty once it has. */
export function timeLeft(action: ActionView, nowMs: number): string {
  if (action.state === 'running' || action.state === 'done') return '';
  return action.expiresAtMs > nowMs ? `expires in ${span(action.expiresAtMs - nowMs)}` : 'its time is over';
}

function approvers({ decisions }: ActionView): string {
  const people = decisions.filter(({ current, decision }) => current && decision === 'approve');
  return people.length === 0 ? 'policy' : people.map(({ person }) => visibleLine(person)).join(', ');
}
