import { visibleLine } from '../core/visible-text.js';
import type { Report } from './report.js';
import type { ReportLease, ReportRow } from './report-row.js';

type Cell = string | number | boolean | null;

/** Each column: its name, and what of an action stands in it. Times are ISO 8601 in UTC, spans whole seconds. */
const COLUMNS: readonly (readonly [name: string, cell: (row: ReportRow) => Cell])[] = [
  ['action', ({ actionId }) => actionId],
  ['requested_at', ({ requestedAtMs }) => time(requestedAtMs)],
  ['agent', ({ agent }) => agent],
  ['agent_owner', ({ owners }) => list(owners)],
  ['prompted_by', ({ prompters }) => list(prompters)],
  ['operation', ({ operation }) => operation],
  ['target', ({ target }) => target],
  ['environment', ({ environment }) => environment],
  ['summary', ({ summary }) => summary],
  ['reason', ({ reason }) => reason],
  ['risk', ({ risk }) => risk],
  ['flags', ({ flags }) => list(flags)],
  ['policy_number', ({ policyNumber }) => policyNumber],
  ['policy_digest', ({ policyDigest }) => policyDigest],
  ['required_review', ({ automatic, required }) => (automatic === true ? 'none (automatic)' : required)],
  ['review_opened_at', ({ openedAtMs }) => time(openedAtMs)],
  ['approvers', ({ approvers }) => list(approvers)],
  [
    'deniers',
    ({ decisions }) => list(decisions.filter(({ decision }) => decision === 'deny').map(({ person }) => person)),
  ],
  ['time_to_decide_seconds', ({ timeToDecideMs }) => seconds(timeToDecideMs)],
  ['started_at', ({ startedAtMs }) => time(startedAtMs)],
  ['concluded_at', ({ concludedAtMs }) => time(concludedAtMs)],
  ['outcome', ({ outcome }) => outcome],
  ['outcome_code', ({ outcomeCode }) => outcomeCode],
  [
    'credentials',
    ({ leases }) => list(leases.map(({ purpose, username }) => `${purpose}: ${username ?? 'none issued'}`)),
  ],
  ['leased_at', ({ leases }) => list(leases.map(({ leasedAtMs }) => time(leasedAtMs) ?? ''))],
  ['revoked_at', ({ leases }) => list(leases.map(({ revokedAtMs }) => time(revokedAtMs) ?? 'not proven'))],
  ['revocation_proofs', ({ leases }) => list(leases.map(({ proofs }: ReportLease) => String(proofs)))],
  ['overdue_revocations', ({ leases }) => leases.filter(({ overdue }) => overdue).length],
  ['glass_broken_by', ({ brokenGlass }) => list(brokenGlass?.by.map(({ person }) => person) ?? [])],
  ['glass_broken_because', ({ brokenGlass }) => list(brokenGlass?.by.map(({ reason }) => reason) ?? [])],
  ['glass_broken_at', ({ brokenGlass }) => time(brokenGlass?.brokenAtMs ?? null)],
  ['glass_review_due_at', ({ brokenGlass }) => time(brokenGlass?.dueAtMs ?? null)],
  [
    'glass_reviews',
    ({ brokenGlass }) =>
      list(
        brokenGlass?.retrospectives.map(
          ({ person, groups, verdict, reason }) => `${person} (${groups.join(', ')}): ${verdict}: ${reason}`,
        ) ?? [],
      ),
  ],
  ['glass_review_owed_by', ({ brokenGlass }) => list(brokenGlass?.open ?? [])],
  ['glass_paid_at', ({ brokenGlass }) => time(brokenGlass?.paidAtMs ?? null)],
  ['glass_time_to_pay_seconds', ({ brokenGlass }) => seconds(brokenGlass?.timeToPayMs ?? null)],
  ['glass_review_overdue', ({ brokenGlass }) => brokenGlass?.overdue ?? null],
  ['refused_self_approvals', ({ refusals }) => refusals.filter(({ code }) => code === 'self_approval').length],
  ['incidents', ({ incidents }) => list(incidents)],
  ['receipt_digest', ({ receiptDigest }) => receiptDigest],
  ['verified', ({ verified }) => verified],
  ['faults', ({ faults }) => list(faults)],
];

/** Names of the columns, in their order. */
export const CSV_COLUMNS: readonly string[] = COLUMNS.map(([name]) => name);

/** The actions as RFC 4180 CSV, one a line. No cell acts in a spreadsheet. */
export function renderCsv({ actions }: Report): string {
  const lines = [CSV_COLUMNS, ...actions.map((row) => COLUMNS.map(([, cell]) => cell(row)))];
  return lines.map((cells) => `${cells.map(quoted).join(',')}\r\n`).join('');
}

/** What a spreadsheet would take for a formula gets an apostrophe before it (OWASP, CSV injection). */
function quoted(cell: Cell): string {
  const text = cell === null ? '' : visibleLine(String(cell));
  const tame = /^[\s'"]*[=+\-@|%＝＋－＠]/u.test(text) ? `'${text}` : text;
  return `"${tame.replaceAll('"', '""')}"`;
}

function list(items: readonly string[]): string {
  return items.join('; ');
}

function time(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

function seconds(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms / 1_000);
}
