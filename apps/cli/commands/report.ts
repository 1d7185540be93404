import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { visibleJson } from '../../../src/core/visible-text.js';
import type { Report } from '../../../src/reports/report.js';
import { connectAsPerson } from '../connect.js';
import { EXIT, UsageError } from '../exit-codes.js';
import type { CommandHost, GlobalOptions } from '../host.js';
import { readRootKey } from '../root-key.js';
import { loadAgents, loadKeyring, oneMore } from './verify.js';

interface ReportOptions extends GlobalOptions {
  from: number;
  to: number;
  format: 'csv' | 'json' | 'html';
  out?: string;
  root?: string;
  keyring?: string;
  policy?: string[];
}

export function addReport(host: CommandHost): void {
  host.program
    .command('report')
    .description(
      'For auditors: every privileged action that ended in a period, with who asked, owned, approved, under which policy, ' +
        'what was lent and the proof of its end; and what stands out. Each signature is checked.',
    )
    .requiredOption(
      '--from <date>',
      'first day or instant, e.g. 2026-11-01 or 2026-11-01T00:00:00Z; days are in UTC',
      parseInstant,
    )
    .requiredOption('--to <date>', 'first day or instant after the period', parseInstant)
    .addOption(new Option('--format <format>', 'how to write it').choices(['csv', 'json', 'html']).default('csv'))
    .option('-o, --out <file>', 'where to put it; must not be there yet (default: standard output)')
    .option('--root <key>', "the offline root's public key: in base64, or a file with it; else COUNTERSIGN_ROOT_KEY")
    .option('--keyring <file>', 'the keyring, signed by the root; else COUNTERSIGN_KEYRING_FILE')
    .option(
      '--policy <dir>',
      'bundle whose directory lists the agents, again for each further one of the period; else COUNTERSIGN_POLICY_DIR',
      oneMore,
    )
    .action(async (_options: unknown, command: Command) => {
      await makeReport(command.optsWithGlobals<ReportOptions>(), host);
    });
}

async function makeReport(options: ReportOptions, { context, exit }: CommandHost): Promise<void> {
  const { from: fromMs, to: toMs, out } = options;
  if (fromMs >= toMs) throw new UsageError('--to: a period ends after it begins.');
  if (out !== undefined && existsSync(out)) throw new UsageError(`--out: ${out} is already there.`);
  const keyring = await loadKeyring(context, options, await readRootKey(context, options.root));
  const agents = await loadAgents(context, options);
  const api = await connectAsPerson(context, options);
  const { gatherRows } = await import('../../../src/reports/gather.js');
  const { buildReport } = await import('../../../src/reports/report.js');
  const generatedAtMs = context.nowMs();
  const onProgress = (looked: number): void => {
    if (context.stderr.isTty) context.stderr.write(`\r${String(looked)} actions`);
  };
  const rows = await gatherRows(api, { fromMs, toMs, nowMs: generatedAtMs, keyring, ...agents, onProgress });
  if (context.stderr.isTty && rows.length > 0) context.stderr.write('\n');
  const report = buildReport(rows, { fromMs, toMs, generatedAtMs });
  const text = await written(report, options.json === true ? 'json' : options.format, api.baseUrl);
  if (out === undefined) context.stdout.write(text);
  else await writeFile(out, text, { flag: 'wx', mode: 0o600 });
  if (report.separationOfDuties.contradicted.length > 0) {
    context.stderr.write('The evidence of some actions does not hold: see those that are not verified.\n');
    exit(EXIT.refused);
  }
}

async function written(report: Report, format: ReportOptions['format'], source: string): Promise<string> {
  switch (format) {
    case 'csv':
      return (await import('../../../src/reports/render-csv.js')).renderCsv(report);
    case 'json':
      return `${visibleJson(report)}\n`;
    case 'html':
      return (await import('../../../src/reports/render-html.js')).renderHtml(report, { source });
  }
}

function parseInstant(text: string): number {
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text);
  const ms = isDay || /^\d{4}-\d{2}-\d{2}T[\d:.]+(Z|[+-]\d{2}:\d{2})$/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(ms))
    throw new InvalidArgumentError('Give a day such as 2026-11-01, or an instant such as 2026-11-01T09:00:00Z.');
  return ms;
}
