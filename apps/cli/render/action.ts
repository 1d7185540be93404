import { DIFFERENCE_WORDS } from '../../../src/core/difference-words.js';
import { visibleLine, visibleText, visibleJson } from '../../../src/core/visible-text.js';
import { describeRedactions } from '../../../src/core/redact.js';
import { gravestFirst } from '../../../src/core/severity.js';
import type { ActionView } from '../../../src/record/action-view.js';
import type { LogText } from '../../../src/record/log-text.js';
import { differenceLines } from './difference.js';
import { incidentLines } from './incidents.js';
import { block, fields, pad, widthOfText, wrap } from './layout.js';
import { quoted, quotedContent } from './quoted.js';
import type { Style } from './style.js';
import { instant, relative, span } from './time.js';
import { stateWord, styledRisk, styledState, waitedFor } from './words.js';

export interface Look {
  width: number;
  style: Style;
  nowMs: number;
  /** `tail`: the last lines of the agent's log only; how many were left out is said. */
  logs: 'tail' | 'all';
}

const LOG_TAIL_LINES = 20;

/**
 * Everything that people are shown of an action, as lines; `log` is what is known of the agent's log. All that agents,
 * targets or chat wrote is made visible.
 */
export function renderAction(action: ActionView, log: LogText | null, look: Look): string[] {
  return [
    ...renderHead(action, look),
    ...section(DIFFERENCE_WORDS.title, differenceLines(action, look), look),
    ...section(`Why, in the agent's own words (not checked)`, quoted(action.request.reason, look), look),
    ...renderLink(action, look),
    ...renderFlags(action, look),
    ...renderContent(action, look),
    ...section('Parameters', quoted(visibleJson(action.request.params), look), look),
    ...renderFacts(action, look),
    ...renderRecent(action, look),
    ...renderLog(action, log, look),
    ...renderDecisions(action, look),
    ...renderLeases(action, look),
    ...renderOutcome(action, look),
    ...section('Incident', incidentLines(action, look), look),
  ];
}

function renderHead(action: ActionView, { width, style, nowMs }: Look): string[] {
  const { request, target, context, policy, plan, quorum } = action;
  const at = (ms: number): string => `${instant(ms)} (${relative(ms, nowMs)})`;
  const rows: [string, string][] = [
    ['agent', visibleLine(request.agent)],
    ['operation', visibleLine(request.operation)],
  ];
  if (target !== null) {
    rows.push(['target', visibleLine(`${target.name} (${target.environment}, ${target.kind})`)]);
  }
  if (context !== null && context.owners.length > 0) rows.push(['owned by', visibleLine(context.owners.join(', '))]);
  rows.push(['asked', at(request.requestedAtMs)]);
  if (request.tainted === true) rows.push(['untrusted input', 'was read by the agent before it asked']);
  if (request.replaces !== undefined) rows.push(['replaces', request.replaces]);
  if (action.state !== 'done') rows.push(['expires', at(action.expiresAtMs)]);
  if (action.state === 'waiting') rows.push(['waits for', waitedFor(quorum)]);
  rows.push(...glassRows(action, at));
  const { prompters = [], schedulers = [] } = action.provenance ?? {};
  if (prompters.length > 0) rows.push(['prompted by', visibleLine(`${prompters.join(', ')} (by their own token)`)]);
  if (schedulers.length > 0) rows.push(['scheduled by', visibleLine(`${schedulers.join(', ')} (by their own token)`)]);
  if (action.barred.length > 0) {
    rows.push(['may not decide', action.barred.map((who) => visibleLine(`${who.person} (${who.because})`)).join(', ')]);
  }
  if (plan !== null) rows.push(['policy', visibleLine(plan.policies.join(', '))]);
  if (policy !== null) rows.push(['bundle', String(policy.number)], ['bundle digest', visibleLine(policy.digest)]);
  if (plan !== null) rows.push(['lease', `at most ${span(plan.leaseTtlSeconds * 1_000)}`]);
  if (action.actionDigest !== null) rows.push(['action digest', action.actionDigest]);
  const summary = action.preview === null ? [] : wrap(visibleLine(action.preview.summary), width).map(style.bold);
  const again =
    action.reopened === null
      ? []
      : wrap(`Asked again: ${visibleLine(action.reopened.message)} ${DIFFERENCE_WORDS.decisions}`, width);
  const id = `Action ${action.actionId}`;
  const state = `${styledState(stateWord(action), style)}  risk ${styledRisk(action.risk, style)}`;
  const head = `${id}  ${state}`;
  return [
    ...(widthOfText(head) <= width ? [head] : [id, `  ${state}`]),
    ...summary,
    ...again.map(style.yellow),
    '',
    ...fields(rows, width),
  ];
}

function glassRows({ breakGlass, plan }: ActionView, at: (ms: number) => string): [string, string][] {
  if (breakGlass === null) return [];
  const { state, open, by, debt } = breakGlass;
  const who = visibleLine(by.map(({ person }) => person).join(' and '));
  if (debt !== null) {
    const reviewed = debt.retrospectives.map(({ person, verdict }) => `${verdict}, says ${person}`).join('; ');
    const owed = `a review by ${debt.open.join(' and ')} is due ${at(debt.dueAtMs)}`;
    return [
      ['glass', `broken by ${who}`],
      ['its review', visibleLine(debt.open.length > 0 ? owed : reviewed)],
    ];
  }
  if (state === 'broken') return [['glass', `broken by ${who}`]];
  if (plan?.breakGlass === undefined) return [];
  const places = open.map(({ group, places: count }) => `${String(count)} of ${group}`).join(' and ');
  return [['glass', visibleLine(`can be broken by ${places}${who === '' ? '' : ` more (${who} would)`}`)]];
}

function renderLink({ request }: ActionView, look: Look): string[] {
  return request.link === undefined ? [] : section('Untrusted link to its run', quoted(request.link, look), look);
}

function renderFlags({ flags }: ActionView, look: Look): string[] {
  const lines = gravestFirst(flags).flatMap(({ severity, code, sentence }) => {
    const margin = `  ${pad(severity, 10)}`;
    const [first = '', ...rest] = block(`${visibleLine(sentence)} [${code}]`, { margin, width: look.width });
    const head = first.replace(margin, `  ${pad(styledRisk(severity, look.style), 10)}`);
    return [head, ...rest.map((line) => line.replace(margin, ' '.repeat(margin.length)))];
  });
  return section('Flags', lines, look);
}

function renderContent({ preview }: ActionView, look: Look): string[] {
  if (preview === null) return [];
  return section(`What will run (${preview.content.language}, whole)`, quotedContent(preview.content, look), look);
}

function renderFacts({ preview }: ActionView, look: Look): string[] {
  const rows = (preview?.facts ?? []).map(({ label, value }) => [visibleLine(label), visibleText(value)] as const);
  if (rows.length === 0) return [];
  return section('Preview', fields(rows, look.width - 2).map(indent), look);
}

function renderRecent({ context }: ActionView, look: Look): string[] {
  if (context === null) return [];
  const lines = context.recent.flatMap(({ operation, target, outcome, concludedAtMs, actionId }) => {
    const what = target === null ? operation : `${operation} on ${target}`;
    const line = `${outcome}: ${what}, ${relative(concludedAtMs, look.nowMs)}, ${actionId}`;
    return block(visibleLine(line), { margin: '  ', width: look.width });
  });
  return section("The agent's last actions", lines.length === 0 ? ['  none that has ended'] : lines, look);
}

function renderLog({ actionId, logs }: ActionView, log: LogText | null, look: Look): string[] {
  if (log === null) return [];
  const said = (text: string): string[] => block(visibleLine(text), { margin: '  ', width: look.width });
  if (!log.ok) return section("The agent's log", said(log.because), look);
  const lines = log.text.trimEnd().split('\n');
  const shown = look.logs === 'all' ? lines : lines.slice(-LOG_TAIL_LINES);
  const left = lines.length - shown.length;
  const note = left === 0 ? '' : `; ${String(left)} earlier lines: countersign show ${actionId} --logs`;
  const redacted = describeRedactions(logs?.stored?.redactions ?? []);
  const body = [...quoted(shown.join('\n'), look), ...(redacted === null ? [] : said(redacted))];
  return section(`The agent's log (not checked${note})`, body, look);
}

function renderDecisions({ decisions }: ActionView, look: Look): string[] {
  const lines = decisions.flatMap((decision) => {
    const { person, channel, decidedAtMs, reason, current } = decision;
    const approved = decision.breakGlass === true ? 'broke the glass' : 'approved';
    const verb = decision.decision === 'approve' ? approved : 'denied';
    const stale = current ? '' : ' (of an earlier round: no longer counts)';
    const head = `${visibleLine(person)} ${verb} ${relative(decidedAtMs, look.nowMs)} by ${visibleLine(channel)}${stale}`;
    return [
      ...block(head, { margin: '  ', width: look.width }),
      ...(reason === '' ? [] : block(visibleText(reason), { margin: '    | ', width: look.width })),
    ];
  });
  return section('Decisions', lines, look);
}

function renderLeases({ leases, lease }: ActionView, look: Look): string[] {
  const lines = leases.flatMap(({ purpose, username, revokedAtMs, proofs }) => {
    const user = username === null ? 'no user' : visibleLine(username);
    const end = revokedAtMs === null ? 'its end is not yet proven' : `revoked ${instant(revokedAtMs)}`;
    const head = block(`${purpose}: ${user}, ${end}`, { margin: '  ', width: look.width });
    const proof = proofs.flatMap(({ asked, answer }) =>
      block(`${visibleLine(asked)}: ${visibleLine(answer)}`, { margin: '    ', width: look.width }),
    );
    return [...(revokedAtMs === null ? head.map(look.style.yellow) : head), ...proof];
  });
  return section(`Leases (${lease})`, lines, look);
}

function renderOutcome({ outcome, receipt }: ActionView, look: Look): string[] {
  if (outcome === null) return [];
  const result = Object.entries(outcome.result ?? {}).map(
    ([name, value]) =>
      [visibleLine(name), typeof value === 'string' ? visibleLine(value) : visibleJson(value)] as const,
  );
  const rows = [...result, ...(receipt === null ? [] : [['receipt', receipt.digest] as const])];
  const message = wrap(visibleLine(`${outcome.message} [${outcome.code}]`), look.width - 2);
  const facts = rows.length === 0 ? [] : fields(rows, look.width - 2);
  return section(`Outcome: ${outcome.status}`, [...message, ...facts].map(indent), look);
}

function section(title: string, lines: readonly string[], { style, width }: Look): string[] {
  return lines.length === 0 ? [] : ['', ...wrap(title, width).map(style.bold), ...lines];
}

function indent(line: string): string {
  return `  ${line}`;
}
