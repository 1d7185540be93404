import { Context } from '@temporalio/activity';
import { Overtaken, type Channel } from '../src/channels/channel.js';
import type {
  AnnounceActivities,
  AnnounceInput,
  AnnouncementEvent,
  CountedDecision,
} from '../src/contracts/activities.js';
import type { DebtStanding } from '../src/contracts/retrospective.js';
import { workflowIdOf } from '../src/contracts/workflow-id.js';
import { allDone } from '../src/core/all-done.js';
import { open, payloadDigest } from '../src/core/dsse.js';
import { Refusal } from '../src/core/errors.js';
import { parseOrRefuse } from '../src/core/invalid-field.js';
import { keysFor, publicKeysFor, type Keyring } from '../src/core/keyring.js';
import { actionIdSchema, envelopeSchema } from '../src/core/schemas/primitives.js';
import { statementSchema } from '../src/core/schemas/statements.js';
import { viewAction, type ActionView } from '../src/record/action-view.js';
import { latest, type Record } from '../src/record/record.js';
import { translated } from './failures.js';

export interface AnnounceDependencies {
  record: Record;
  channels: readonly Channel[];
  keyring: () => Keyring;
  clock: () => number;
  onInternal: (error: unknown) => void;
}

type Telling = Pick<AnnounceDependencies, 'record' | 'channels' | 'clock'>;
type EscalationInput = Parameters<AnnounceActivities['recordEscalation']>[0];

/** What the worker does while a review is open: tell people, record escalations, judge signalled decisions. */
export function createAnnounceActivities(dependencies: AnnounceDependencies): AnnounceActivities {
  const { record, channels, keyring, clock, onInternal } = dependencies;
  return {
    announce: ({ actionId, event, number }) =>
      translated(onInternal, () => tellChannels({ record, channels, clock }, { actionId, event, number })),

    recordEscalation: (input) => translated(onInternal, () => recordEscalation(record, input, clock())),

    readDebt: ({ actionId }) => translated(onInternal, () => readDebt(record, actionId)),

    readKeys: async () => ({
      decisionKeys: publicKeysFor(keyring(), 'decision'),
      intakeKeys: publicKeysFor(keyring(), 'withdrawal'),
    }),

    verifyHint: ({ actionId, actionDigest, envelope }) =>
      translated(onInternal, () => verifyHint(dependencies, actionId, actionDigest, envelope)),
  };
}

async function readDebt(record: Record, sent: unknown): Promise<DebtStanding> {
  const actionId = parseOrRefuse(actionIdSchema, sent);
  const view = viewAction(await record.ofAction(actionId));
  const debt = view?.breakGlass?.debt ?? null;
  if (view === undefined || debt === null) return { kind: 'none' };
  const title = `Review of a broken glass: ${view.request.operation} on ${view.target?.name ?? 'its target'}`;
  if (debt.open.length === 0) return { kind: 'paid', title };
  const { by, open, claimedAtMs, dueAtMs } = debt;
  return { kind: 'owed', title, by: [...by], open: [...open], claimedAtMs, dueAtMs };
}

/** Only what the plan foresaw, once its time has come, and only for the action's own workflow: anybody may ask this queue. */
async function recordEscalation(
  record: Record,
  { actionId, round, group, afterMs }: EscalationInput,
  nowMs: number,
): Promise<void> {
  const { workflowExecution } = Context.current().info;
  if (workflowExecution?.workflowId !== workflowIdOf(actionId)) {
    throw new Refusal('action_id_mismatch', 'The asking workflow is not the one of this action.');
  }
  const { runId } = workflowExecution;
  const statements = await record.ofAction(actionId);
  const request = latest(statements, 'request');
  const plan = latest(statements, 'plan')?.body;
  if (request === undefined || plan?.round !== round)
    throw new Refusal('statement_missing', 'No plan of this round is on record for this action.');
  const isPlanned = plan.plan.escalations.some((planned) => planned.group === group && planned.afterMs === afterMs);
  if (!isPlanned || nowMs < plan.openedAtMs + afterMs)
    throw new Refusal('field_invalid', `The plan does not escalate to "${group}" now.`, 'group');
  await record.append([
    {
      kind: 'escalation',
      actionId,
      requestDigest: request.statement.subject[0].digest.sha256,
      body: { round, runId, group, afterMs, firedAtMs: nowMs },
      key: `${runId}/${round}/${group}/${afterMs}`,
    },
  ]);
}

/**
 * Tells every channel; one that fails does not keep the others from being told.
 * @throws the first channel's fault, so that Temporal retries; the others take it as already told.
 */
export async function tellChannels(telling: Telling, input: AnnounceInput): Promise<void> {
  await allDone(telling.channels.map((channel) => tellChannel(telling, channel, input)));
}

/** Whoever may ask this queue can ask for any event: of broken glasses channels are told what the record says, and that alone. */
function isBorneOut(event: AnnouncementEvent, { breakGlass }: ActionView, nowMs: number): boolean {
  const debt = breakGlass?.debt ?? null;
  switch (event) {
    case 'glass_broken':
      return debt !== null || breakGlass?.state === 'broken';
    case 'debt_reminded':
      return debt !== null && debt.open.length > 0;
    case 'debt_overdue':
      return debt !== null && debt.open.length > 0 && nowMs >= debt.dueAtMs;
    case 'debt_paid':
      return debt !== null && debt.open.length === 0;
    case 'opened':
    case 'reminded':
    case 'escalated':
    case 'paged':
    case 'decided':
    case 'reopened':
    case 'concluded':
      return true;
  }
}

const MAX_CROSSINGS = 5;

async function tellChannel(
  { record, clock }: Telling,
  channel: Channel,
  { actionId, event, number }: AnnounceInput,
): Promise<void> {
  for (let crossing = 1; ; crossing += 1) {
    const view = viewAction(await record.ofAction(actionId));
    if (view === undefined || !isBorneOut(event, view, clock())) return;
    try {
      await channel.announce(event, view, number);
      return;
    } catch (error) {
      // Here and now, not by Temporal's retry: the workflow may have ended meanwhile, and nobody would tell again.
      if (!(error instanceof Overtaken) || crossing === MAX_CROSSINGS) throw error;
    }
  }
}

/** A signal may come from anyone: it counts only if the gateway signed it for this very run, and recorded it. */
async function verifyHint(
  { record, keyring }: AnnounceDependencies,
  actionId: string,
  actionDigest: string,
  envelope: unknown,
): Promise<CountedDecision | null> {
  const shaped = envelopeSchema.safeParse(envelope);
  if (!shaped.success) return null;
  const opened = open(shaped.data, keysFor(keyring(), 'decision'));
  if (!opened.ok) return null;
  const statement = statementSchema('decision').safeParse(opened.payload);
  if (!statement.success) return null;
  const body = statement.data.predicate.body;
  if (body.actionDigest !== actionDigest) return null;
  if (body.runId !== Context.current().info.workflowExecution?.runId) return null;
  const digest = payloadDigest(shaped.data);
  const onRecord = (await record.ofAction(actionId)).some((recorded) => recorded.digest === digest);
  if (!onRecord) return null;
  const { approver, decision, reason, decidedAtMs, breakGlass } = body;
  const mark = breakGlass === undefined ? {} : { breakGlass };
  return { person: approver.person, groups: approver.groups, decision, reason, decidedAtMs, ...mark };
}
