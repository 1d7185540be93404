import type { IncidentPage } from '../../../src/client/answers.js';
import { visibleLine, visibleText } from '../../../src/core/visible-text.js';
import type { ActionView } from '../../../src/record/action-view.js';
import type { Look } from './action.js';
import { block } from './layout.js';
import { instant, relative } from './time.js';
import { styledRisk } from './words.js';

/** A page of incidents, as lines; nothing of them is cut. */
export function renderIncidents(
  { incidents, unreadable, next }: IncidentPage,
  { width, style, nowMs }: Omit<Look, 'logs'>,
): string[] {
  const lines = incidents.flatMap(({ actionId, agent, code, severity, sentence, openedAtMs, frozen }) => {
    const note = frozen ? `  ${style.red('agent is frozen')}` : '';
    return [
      `${visibleLine(actionId)}  ${styledRisk(severity, style)}  ${visibleLine(agent)}${note}`,
      ...block(`${visibleLine(sentence)} [${visibleLine(code)}]`, { margin: '  ', width }),
      `  ${instant(openedAtMs)} (${relative(openedAtMs, nowMs)})`,
    ];
  });
  return [
    ...(incidents.length === 0 ? ['No incidents.'] : lines),
    ...unreadable.map((id) =>
      style.red(`${visibleLine(id)}  its incident does not verify: the record was tampered with`),
    ),
    ...(next === null ? [] : [`More: countersign incidents --before ${visibleLine(next)}`]),
  ];
}

/** What was observed of an action's effect and not declared, and whether its agent was frozen for it. */
export function incidentLines(
  { incidents, freeze }: ActionView,
  { width, style, nowMs }: Omit<Look, 'logs'>,
): string[] {
  const found = incidents.flatMap(({ code, severity, sentence }) =>
    block(`${severity}: ${visibleLine(sentence)} [${visibleLine(code)}]`, { margin: '  ', width }),
  );
  if (freeze === null) return found.map(style.red);
  const agent = visibleLine(freeze.agent);
  if (freeze.lifted === null) {
    const head = `Agent ${agent} is frozen since ${instant(freeze.frozenAtMs)}. To let it act again:`;
    const command = `countersign unfreeze agent ${agent} --reason <why>`;
    const note = [...block(head, { margin: '  ', width }), ...block(command, { margin: '    ', width })];
    return [...found, ...note].map(style.red);
  }
  const { person, reason, atMs } = freeze.lifted;
  const head = `Agent ${agent} was frozen for it. ${visibleLine(person)} unfroze it ${relative(atMs, nowMs)}:`;
  return [
    ...found.map(style.red),
    ...block(head, { margin: '  ', width }),
    ...block(visibleText(reason), { margin: '    | ', width }),
  ];
}
