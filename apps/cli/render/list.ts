import type { ActionPage, ActionSummary } from '../../../src/client/answers.js';
import { visibleLine } from '../../../src/core/visible-text.js';
import { cut, table } from './layout.js';
import type { Look } from './action.js';
import { relative } from './time.js';
import { stateWord, styledRisk, styledState, waitedFor } from './words.js';

/** Narrower than this, an action takes two lines. */
const TABLE_FROM_WIDTH = 110;

/** A page of actions, as lines. Summaries may be cut here; `show` has the whole. */
export function renderList({ actions, unreadable, next }: ActionPage, look: Omit<Look, 'logs'>): string[] {
  const wide = look.width >= TABLE_FROM_WIDTH;
  const lines = wide ? renderTable(actions, look) : actions.flatMap((action) => renderPair(action, look));
  return [
    ...(actions.length === 0 ? ['No actions.'] : lines),
    ...unreadable.map((id) =>
      look.style.red(`${visibleLine(id)}  its statements do not verify: the record was tampered with`),
    ),
    ...(next === null ? [] : [`More: countersign list --before ${visibleLine(next)}`]),
  ];
}

function renderTable(actions: readonly ActionSummary[], { width, style, nowMs }: Omit<Look, 'logs'>): string[] {
  const rows = actions.map((action) => [
    action.actionId,
    styledState(stateWord(action), style),
    styledRisk(action.risk, style),
    cut(visibleLine(action.request.agent), 20),
    cut(waitedFor(action.quorum) || '-', 28),
    action.state === 'done' ? '-' : relative(action.expiresAtMs, nowMs),
    whatOf(action),
  ]);
  return table(['ACTION', 'STATE', 'RISK', 'AGENT', 'WAITS FOR', 'EXPIRES', 'WHAT'], rows, width);
}

function renderPair(action: ActionSummary, { width, style, nowMs }: Omit<Look, 'logs'>): string[] {
  const waits = waitedFor(action.quorum);
  const until = action.state === 'done' ? '' : `, expires ${relative(action.expiresAtMs, nowMs)}`;
  const who = `${visibleLine(action.request.agent)}${waits === '' ? '' : ` waits for ${waits}`}${until}`;
  return [
    `${action.actionId}  ${styledState(stateWord(action), style)}  ${styledRisk(action.risk, style)}`,
    `  ${cut(whatOf(action), width - 2)}`,
    `  ${cut(who, width - 2)}`,
  ];
}

function whatOf(action: ActionSummary): string {
  const target = action.target === null ? '' : ` on ${action.target.name}`;
  return visibleLine(action.preview?.summary ?? `${action.request.operation}${target}`);
}
