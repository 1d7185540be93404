import { code, escaped, instant, span, table } from './html-text.js';
import type { Report } from './report.js';

type Broken = Report['breakGlass'][number];

/** Whether somebody should look: its review is late, or says that it should not have been broken. */
export function isAlarming({ overdue, retrospectives }: Broken): boolean {
  return overdue || retrospectives.some(({ verdict }) => verdict === 'unjustified');
}

/** The broken glasses of a report as a part of its page. */
export function breakGlassSection({ breakGlass }: Report): string {
  const head = ['Action', 'Who broke it, and why', 'What ran', 'Found by its reviewers', 'Review'];
  const rows = breakGlass.map((broken) => [
    `${code(broken.actionId)}<br>${instant(broken.brokenAtMs)}`,
    broken.by.map(({ person, reason }) => said(person, reason)).join('<br>'),
    whatRan(broken),
    found(broken),
    paid(broken),
  ]);
  return `<section><h2>Break-glass</h2>${table(head, rows, 'Nobody broke the glass, and no review of that was owed.')}</section>`;
}

function whatRan({ agent, operation, target, environment, summary, outcome }: Broken): string {
  const where = target === null ? '' : ` on ${target} (${environment ?? ''})`;
  const quiet = `${summary}${summary === '' ? '' : '; '}asked by ${agent ?? 'unknown'}`;
  return `${escaped(`${operation ?? ''}${where}: ${outcome}`)}<br><span class="quiet">${escaped(quiet)}</span>`;
}

function found({ retrospectives, open }: Broken): string {
  const given = retrospectives.map(({ person, groups, verdict, reason }) => {
    const words = verdict === 'justified' ? 'justified' : '<strong class="bad">not justified</strong>';
    return `${escaped(`${person}, for ${groups.join(' and ')}`)}: ${words}<br><span class="quiet">${escaped(reason)}</span>`;
  });
  const owed = open.map((group) => escaped(`nobody for ${group} yet`));
  return [...given, ...owed].join('<br>');
}

function paid({ paidAtMs, timeToPayMs, dueAtMs, overdue }: Broken): string {
  const due = `due ${instant(dueAtMs)}`;
  if (paidAtMs === null || timeToPayMs === null)
    return `<strong${overdue ? ' class="bad"' : ''}>${overdue ? 'owed, overdue' : 'owed'}</strong><br><span class="quiet">${due}</span>`;
  const late = overdue ? `<br><strong class="bad">${escaped(`${span(paidAtMs - dueAtMs)} late`)}</strong>` : '';
  return `paid after ${span(timeToPayMs)}${late}<br><span class="quiet">${due}</span>`;
}

function said(person: string, reason: string): string {
  return `${escaped(person)}<br><span class="quiet">${escaped(reason)}</span>`;
}
