import { Command, CommanderError } from 'commander';
import { visibleJson, visibleText } from '../../src/core/visible-text.js';
import { addAlarms } from './commands/alarms.js';
import { addApprove } from './commands/approve.js';
import { addBudgets } from './commands/budgets.js';
import { addClear } from './commands/clear.js';
import { addDebts } from './commands/debts.js';
import { addDeny } from './commands/deny.js';
import { addDev } from './commands/dev.js';
import { addDoctor } from './commands/doctor.js';
import { addDownload } from './commands/download.js';
import { addFreeze } from './commands/freeze.js';
import { addFreezes } from './commands/freezes.js';
import { addEvidence } from './commands/evidence.js';
import { addIncidents } from './commands/incidents.js';
import { addKeygen } from './commands/keygen.js';
import { addKeyring } from './commands/keyring.js';
import { addList } from './commands/list.js';
import { addLogin } from './commands/login.js';
import { addLogout } from './commands/logout.js';
import { addOperations } from './commands/operations.js';
import { addPolicy } from './commands/policy.js';
import { addReplay } from './commands/replay.js';
import { addReport } from './commands/report.js';
import { addRequest } from './commands/request.js';
import { addRetrospective } from './commands/retrospective.js';
import { addShow } from './commands/show.js';
import { addSiem } from './commands/siem.js';
import { addUnfreeze } from './commands/unfreeze.js';
import { addVerify } from './commands/verify.js';
import { addWebhooks } from './commands/webhooks.js';
import { addWithdraw } from './commands/withdraw.js';
import type { CliContext } from './context.js';
import { complaintOf, EXIT, type ExitCode } from './exit-codes.js';
import type { CommandHost } from './host.js';
import { styleFor, widthOf } from './render/style.js';

const EXIT_CODES = `
Exit codes:
  0  done; with --wait: the action succeeded
  1  unexpected
  2  the command line is wrong
  3  refused
  4  denied, expired, withdrawn or cancelled
  5  failed, or the outcome is unknown
  6  a service cannot be reached
  7  not signed in
  8  the wait timed out; the action goes on
  9  the action ran, and its effect was not what had been declared`;

const COMMANDS = [
  addRequest,
  addList,
  addShow,
  addApprove,
  addDeny,
  addWithdraw,
  addDownload,
  addIncidents,
  addAlarms,
  addClear,
  addFreeze,
  addFreezes,
  addUnfreeze,
  addDebts,
  addRetrospective,
  addBudgets,
  addSiem,
  addWebhooks,
  addEvidence,
  addVerify,
  addReport,
  addReplay,
  addLogin,
  addLogout,
  addKeygen,
  addKeyring,
  addOperations,
  addPolicy,
  addDoctor,
  addDev,
];

/** Runs a command line (without `node` and the script). Never throws; resolves with the exit code. */
export async function runCli(args: readonly string[], context: CliContext): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok;
  const program = createProgram(context, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    return complain(error, args.includes('--json'), context);
  }
}

/** The commands, for `runCli` and for the reference in docs/cli.md. */
export function createProgram(context: CliContext, exit: CommandHost['exit']): Command {
  const program = new Command('countersign')
    .description('Approvals for single actions of AI agents.')
    .version('0.1.0')
    .option('--gateway <url>', 'address of the gateway; else COUNTERSIGN_GATEWAY_URL')
    .option('--insecure-http', 'let the gateway be an http address of another machine; else COUNTERSIGN_INSECURE_HTTP')
    .option('--json', 'print one JSON document on standard output, nothing else')
    .addHelpText('after', EXIT_CODES)
    .configureHelp({ showGlobalOptions: true, helpWidth: widthOf(context.stdout) })
    .configureOutput({
      writeOut: (text) => {
        context.stdout.write(text);
      },
      // Usage errors are complained about once, below.
      writeErr: () => undefined,
      outputError: () => undefined,
    })
    .exitOverride();
  for (const add of COMMANDS) add({ program, context, exit });
  return program;
}

function complain(error: unknown, json: boolean, context: CliContext): ExitCode {
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
  const { exitCode, ...complaint } =
    error instanceof CommanderError
      ? { exitCode: EXIT.usage, code: 'usage', field: null, message: usageMessage(error) }
      : complaintOf(error);
  if (json) context.stdout.write(`${visibleJson({ error: complaint })}\n`);
  const style = styleFor(context, context.stderr);
  const where = complaint.field === null ? '' : ` (${complaint.field})`;
  context.stderr.write(
    `${style.red('error')} ${visibleText(complaint.message)}${visibleText(where)} [${complaint.code}]\n`,
  );
  if (complaint.code === 'internal' && error instanceof Error && error.stack !== undefined) {
    context.stderr.write(`${style.dim(visibleText(error.stack))}\n`);
  }
  return exitCode;
}

function usageMessage({ message, code }: CommanderError): string {
  const sentence = message.replace(/^error: /, '');
  return code === 'commander.help' ? 'No command is named. See: countersign --help' : sentence;
}
