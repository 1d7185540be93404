import { randomUUID } from 'node:crypto';
import type { DecisionInput, GatewayApi } from '../../src/client/api.js';
import { fetchLogText } from '../../src/client/log-text.js';
import type { DecisionAnswer } from '../../src/contracts/workflow.js';
import { lackOfGlass } from '../../src/core/break-glass.js';
import { Refusal, ServiceFault } from '../../src/core/errors.js';
import { visibleLine } from '../../src/core/visible-text.js';
import type { ActionView } from '../../src/record/action-view.js';
import type { LogText } from '../../src/record/log-text.js';
import { connectAsPerson } from './connect.js';
import type { CliContext } from './context.js';
import { EXIT, UsageError } from './exit-codes.js';
import { lookOf, report, type CommandHost, type GlobalOptions } from './host.js';
import { renderAction } from './render/action.js';
import { stateWord, waitedFor } from './render/words.js';

export interface DecideOptions extends GlobalOptions {
  reason?: string;
  breakGlass?: boolean;
  yes?: boolean;
}

export interface Deciding {
  actionId: string;
  decision: 'approve' | 'deny';
  options: DecideOptions;
}

/** Shows an action, asks, and sends the decision with the digest of what was shown. */
export async function decide({ context, exit }: CommandHost, { actionId, decision, options }: Deciding): Promise<void> {
  if (options.yes !== true && context.ask === null) {
    throw new UsageError(
      'Nobody can be asked: standard input is not a terminal. Add --yes to approve without a question.',
    );
  }
  const isBreaking = options.breakGlass === true;
  if (isBreaking) requireReason(options.reason);
  const api = await connectAsPerson(context, options);
  const action = await api.get(actionId);
  const actionDigest = requireOpen(action);
  showAction(context, { action, log: await fetchLogText(api, action) }, options);
  const agreed =
    options.yes === true || (await (isBreaking ? breaks(context, action, options) : agrees(context, action)));
  if (!agreed) {
    report(context, options, { actionId, decided: false }, () => ['Nothing was decided.']);
    exit(EXIT.refused);
    return;
  }
  const mark = isBreaking ? { breakGlass: true as const } : {};
  const input = { decision, ...mark, reason: options.reason ?? '', actionDigest, idempotencyKey: randomUUID() };
  const answer = await send(context, api, { actionId, input });
  report(context, options, { actionId, decided: true, decision, ...mark, actionDigest, ...answer }, () =>
    isBreaking ? glassSentences(actionId, answer) : [sentenceOf(decision, answer)],
  );
}

function requireOpen(action: ActionView): string {
  if (action.state === 'waiting' && action.actionDigest !== null) return action.actionDigest;
  const why = action.state === 'preparing' ? 'it is still being prepared' : `it is ${stateWord(action)}`;
  throw new Refusal('action_closed', `Action ${action.actionId} is not open for a decision: ${why}.`);
}

// With --json standard output is for the result alone.
function showAction(
  context: CliContext,
  { action, log }: { action: ActionView; log: LogText | null },
  options: DecideOptions,
): void {
  const output = options.json === true ? context.stderr : context.stdout;
  output.write(`${renderAction(action, log, lookOf(context, output)).join('\n')}\n\n`);
}

async function agrees({ ask }: CliContext, { actionId, actionDigest }: ActionView): Promise<boolean> {
  const answer = await ask?.(`Approve ${actionId}, digest ${actionDigest?.slice(0, 12) ?? ''}…? [y/N] `);
  return ['y', 'yes'].includes(answer?.trim().toLowerCase() ?? '');
}

function requireReason(reason = ''): void {
  const lack = lackOfGlass({ channel: 'api', reason });
  if (lack !== null) throw new UsageError(`${lack.message} Give it with --reason.`);
}

/** The word is typed out: nobody breaks the glass by a habit of the fingers. */
async function breaks(context: CliContext, { actionId, plan }: ActionView, options: DecideOptions): Promise<boolean> {
  const output = options.json === true ? context.stderr : context.stdout;
  const offered = plan?.breakGlass;
  if (offered === undefined)
    throw new Refusal('glass_not_offered', `Policy lets nobody break the glass for ${actionId}.`);
  const groups = offered.stages.map(({ group, quorum }) => `${String(quorum)} of ${visibleLine(group)}`).join(' and ');
  const reviewers = plan?.stages.map(({ group }) => visibleLine(group)).join(' and ') ?? '';
  const lines = [
    `You are about to break the glass: with ${groups} it runs without its reviewers.`,
    'Everybody is told at once, by name and with your reason. People are paged.',
    `Afterwards ${reviewers} must review it; until they have, nobody breaks the glass again.`,
  ];
  output.write(`${lines.join('\n')}\n\n`);
  const answer = await context.ask?.('Type "break the glass" to go on: ');
  return answer?.trim().toLowerCase() === 'break the glass';
}

function glassSentences(actionId: string, { state, glass = [] }: DecisionAnswer): string[] {
  if (state !== 'filled') {
    const open = glass.map(({ group, places }) => `${String(places)} of ${visibleLine(group)}`).join(' and ');
    return [`Your word is on record. The glass breaks with ${open} more.`];
  }
  return [
    'The glass is broken: the action is checked once more, and runs.',
    `It must be reviewed now: countersign retrospective ${actionId} --justified|--unjustified --reason <what was found>`,
  ];
}

const ATTEMPTS = 3;
const RETRY_AFTER_MS = 1_000;

// The key is the same each time, so that an answer lost on the way does not decide twice.
async function send(
  context: CliContext,
  api: GatewayApi,
  { actionId, input }: { actionId: string; input: DecisionInput },
): Promise<DecisionAnswer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await api.decide(actionId, input);
    } catch (error) {
      if (!(error instanceof ServiceFault && error.temporary) || attempt === ATTEMPTS) throw error;
      await context.pause(RETRY_AFTER_MS * attempt);
    }
  }
}

function sentenceOf(decision: 'approve' | 'deny', answer: DecisionAnswer): string {
  if (decision === 'deny') return 'Denied. The action will not run.';
  if (answer.state === 'filled') return 'Approved. Nobody else is waited for: the action goes on.';
  return `Approved. Still waiting for ${waitedFor({ filled: false, open: answer.open })}.`;
}
