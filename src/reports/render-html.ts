import { breakGlassSection, isAlarming } from './break-glass-section.js';
import { code, escaped, instant, percent, span, table } from './html-text.js';
import { PAGE_STYLE } from './page-style.js';
import { RUBBER_STAMP } from './people-signs.js';
import type { Report } from './report.js';
import { decisionTimes, outcomesByDay, peopleChart } from './report-charts.js';
import type { ReportLease, ReportRow } from './report-row.js';

/** The report as one page: no script, nothing fetched, light and dark, made to be printed. */
export function renderHtml(report: Report, { source }: { source: string }): string {
  const { fromMs, toMs, generatedAtMs } = report;
  const title = `Privileged actions, ${instant(fromMs)} to ${instant(toMs)}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>${escaped(title)}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<h1>Privileged actions of agents</h1>
<p class="quiet">${instant(fromMs)} to ${instant(toMs)} · from ${escaped(source)} · made ${instant(generatedAtMs)}</p>
${tiles(report)}
<section class="charts">
${outcomesByDay(report)}
${decisionTimes(report)}
${peopleChart(report)}
</section>
${separationOfDuties(report)}
${breakGlassSection(report)}
${overdue(report)}
${people(report)}
${actions(report)}
<footer class="quiet"><p>All facts are out of signed statements whose signatures were checked against the offline root key when this was made.
Whether all actions are here is the gateway's word: compare with the ledger (<code>countersign verify</code>).</p></footer>
</body>
</html>
`;
}

function tiles({ totals, separationOfDuties, breakGlass: glasses, overdueRevocations, people }: Report): string {
  const contradicted = separationOfDuties.contradicted.length;
  const stamps = people.filter(({ looksLikeRubberStamp }) => looksLikeRubberStamp).length;
  const entries: [value: string, words: string, isBad: boolean][] = [
    [String(totals.actions), 'actions', false],
    [String(totals.ran), `ran, ${String(totals.automatic)} of them automatic`, false],
    [totals.medianTimeToDecideMs === null ? '–' : span(totals.medianTimeToDecideMs), 'median time to decide', false],
    [`${String(totals.verified)} of ${String(totals.actions)}`, 'verified', totals.verified < totals.actions],
    [String(contradicted), 'contradicted by evidence', contradicted > 0],
    [String(separationOfDuties.refusedAttempts.length), 'self-approvals refused', false],
    [String(totals.brokenGlass), 'broke the glass', glasses.some(isAlarming)],
    [String(overdueRevocations.length), 'overdue revocations', overdueRevocations.length > 0],
    [String(stamps), 'people to talk with', stamps > 0],
  ];
  const shown = entries.map(
    ([value, words, isBad]) =>
      `<li${isBad ? ' class="alert"' : ''}><strong>${escaped(value)}</strong> ${escaped(words)}</li>`,
  );
  return `<ul class="tiles">${shown.join('')}</ul>`;
}

function separationOfDuties({ separationOfDuties: { refusedAttempts, contradicted } }: Report): string {
  const wrong = table(
    ['Action', 'What does not hold'],
    contradicted.map(({ actionId, faults }) => [code(actionId), escaped(faults.join('; '))]),
    'The evidence of every action holds.',
  );
  const refused = table(
    ['Action', 'Who', 'Answer'],
    refusedAttempts.map(({ actionId, who, message }) => [code(actionId), escaped(who ?? 'unknown'), escaped(message)]),
    'Nobody tried to decide on what was their own.',
  );
  return `<section><h2>Separation of duties</h2><h3>The evidence does not hold</h3>${wrong}<h3>Attempts to approve one’s own, refused</h3>${refused}</section>`;
}

function overdue({ overdueRevocations }: Report): string {
  const rows = overdueRevocations.map(({ actionId, ...lease }) => [
    code(actionId),
    escaped(`${lease.purpose}: ${lease.username ?? 'none issued'}`),
    instant(lease.dueAtMs),
    ended(lease),
  ]);
  return `<section><h2>Overdue revocations</h2>${table(['Action', 'Credential', 'Due', 'Proven gone'], rows, 'Every credential was proven gone in time.')}</section>`;
}

function ended({ revokedAtMs, dueAtMs, proofs }: ReportLease): string {
  if (revokedAtMs === null) return '<strong class="bad">not proven</strong>';
  const late = revokedAtMs > dueAtMs ? `, ${span(revokedAtMs - dueAtMs)} late` : '';
  return `${instant(revokedAtMs)}${late} (${String(proofs)} ${proofs === 1 ? 'proof' : 'proofs'})`;
}

function people({ people: all }: Report): string {
  const { decisionsMin, approveRateMin, medianDwellMsMax } = RUBBER_STAMP;
  const rows = all.map(
    ({ person, decisions, approved, denied, approveRate, medianDwellMs, quick, looksLikeRubberStamp }) => [
      escaped(person),
      String(decisions),
      `${String(approved)} / ${String(denied)}`,
      percent(approveRate),
      medianDwellMs === null ? '–' : span(medianDwellMs),
      String(quick),
      looksLikeRubberStamp ? '<strong class="bad">talk with them</strong>' : '',
    ],
  );
  const head = [
    'Person',
    'Decisions',
    'Approved / denied',
    'Approve rate',
    'Median time from shown',
    'Within 10 s',
    '',
  ];
  const note = `Marked: at least ${String(decisionsMin)} decisions, ${percent(approveRateMin)} or more approved, half of them within ${span(medianDwellMsMax)} of when the review opened. A sign, not a proof.`;
  return `<section><h2>How people decide</h2>${table(head, rows, 'Nobody decided anything.')}<p class="quiet">${note}</p></section>`;
}

function actions({ actions: all }: Report): string {
  const head = ['Action', 'Who asked', 'What', 'Policy', 'Who approved', 'Credentials', 'Outcome', 'Verified'];
  return `<section><h2>Every action</h2>${table(head, all.map(actionCells), 'There was no action.')}</section>`;
}

function actionCells(row: ReportRow): string[] {
  const { actionId, requestedAtMs, agent, owners, prompters, operation, target, environment, summary, risk, flags } =
    row;
  const asked = requestedAtMs === null ? '' : `<br>${instant(requestedAtMs)}`;
  const who = [
    `owner ${owners.join(', ') || 'not planned'}`,
    ...(prompters.length > 0 ? [`for ${prompters.join(', ')}`] : []),
  ];
  const where = target === null ? '' : ` on ${target} (${environment ?? ''})`;
  const risks = risk === null ? '' : `<br><span class="quiet">${escaped([risk, ...flags].join(', '))}</span>`;
  return [
    `${code(actionId)}${asked}`,
    `${escaped(agent ?? 'unknown')}<br><span class="quiet">${escaped(who.join(', '))}</span>`,
    `${escaped(`${operation ?? ''}${where}`)}<br><span class="quiet">${escaped(summary)}</span>${risks}`,
    row.policyNumber === null ? '–' : `${String(row.policyNumber)}<br>${code((row.policyDigest ?? '').slice(0, 12))}`,
    approval(row),
    row.leases
      .map(
        (lease) =>
          `${escaped(`${lease.purpose}: ${lease.username ?? 'none issued'}`)}<br><span class="quiet">gone ${ended(lease)}</span>`,
      )
      .join('<br>') || '–',
    `${escaped(row.outcome)}${row.concludedAtMs === null ? '' : `<br><span class="quiet">${instant(row.concludedAtMs)}</span>`}`,
    row.verified ? 'yes' : `<strong class="bad">${row.contradicted ? 'no' : 'not yet'}</strong>`,
  ];
}

function approval({ automatic, required, approvers, decisions, timeToDecideMs, brokenGlass }: ReportRow): string {
  if (automatic === null) return '–';
  if (automatic) return 'automatic';
  const deniers = decisions.filter(({ decision }) => decision === 'deny').map(({ person }) => person);
  const said = [
    ...(approvers.length > 0 ? [approvers.join(', ')] : []),
    ...(deniers.length > 0 ? [`denied by ${deniers.join(', ')}`] : []),
  ];
  const took = timeToDecideMs === null ? '' : `, in ${span(timeToDecideMs)}`;
  const broke = brokenGlass === null ? '' : '; the glass was broken';
  return `${escaped(said.join('; ') || 'nobody')}<br><span class="quiet">${escaped(`needed ${required}${took}${broke}`)}</span>`;
}
