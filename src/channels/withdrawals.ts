import { open, payloadDigest, type Envelope, type PublicKey } from '../core/dsse.js';
import { Refusal } from '../core/errors.js';
import { parseOrRefuse } from '../core/invalid-field.js';
import { sha256Hex } from '../core/json.js';
import { envelopeSchema } from '../core/schemas/primitives.js';
import { statementSchema } from '../core/schemas/statements.js';
import { subjectNameOf } from '../core/statement.js';
import type { Policy } from '../policy/policy.js';
import { viewAction, type ActionView } from '../record/action-view.js';
import { allOf, type Record as ActionRecord } from '../record/record.js';
import type { ActionWorkflows } from './action-workflows.js';
import { signWithdrawalFor, type StandIn } from './intake-signed.js';
import type { Refusals } from './refusals.js';

export interface WithdrawalsOptions {
  policy: () => Policy;
  record: ActionRecord;
  workflows: Pick<ActionWorkflows, 'openRun' | 'withdraw' | 'cancel'>;
  refusals: Refusals;
  /** For agents without a key. */
  standIn: StandIn;
}

export interface Withdrawals {
  /**
   * Takes an agent's own signed withdrawal. An action that runs is stopped, and its lease revoked. The same again is
   * answered the same.
   * @param withdrawal.token of an agent without a key; `envelope` is then its plain withdrawal, which the gateway signs.
   * @returns `ending` where the action ran: its outcome is what the target then says.
   * @throws Refusal on record, as for decisions; ServiceFault when it could not be recorded or delivered.
   */
  withdraw(withdrawal: {
    actionId: string;
    envelope: unknown;
    token?: string | null;
    address: string;
  }): Promise<Withdrawn>;
}

export type Withdrawn = 'withdrawn' | 'ending';

export function createWithdrawals(options: WithdrawalsOptions): Withdrawals {
  const { policy, record, workflows, refusals } = options;
  return {
    async withdraw({ actionId, envelope, token = null, address }) {
      const statements = await record.ofAction(actionId);
      const view = viewAction(statements);
      let who: string | null = null;
      try {
        if (view === undefined) throw new Refusal('action_unknown', 'There is no such action.', 'actionId');
        const sealed = token === null ? envelope : await signFor(token, envelope, view, options);
        const signed = openWithdrawal(sealed, view, signersOf(view, policy(), token === null ? null : options.standIn));
        who = `agent/${view.request.agent}`;
        const earlier = allOf(statements, 'withdrawal');
        const isKnown = earlier.some(({ digest }) => digest === payloadDigest(signed));
        if (view.state === 'done' && isKnown) return view.outcome?.status === 'withdrawn' ? 'withdrawn' : 'ending';
        const runId = view.state === 'done' ? null : await workflows.openRun(actionId);
        if (runId === null) throw closed();
        const isRunning = view.state === 'running';
        // Of one that runs the first withdrawal says it all; the others only have it stopped once more.
        if (!isRunning || earlier.length === 0) await record.appendAgentStatement('withdrawal', actionId, signed);
        const takenBack = !isRunning && (await takeBack(workflows, { actionId, runId }, signed));
        if (takenBack) return 'withdrawn';
        await workflows.cancel(actionId, runId);
        return 'ending';
      } catch (error) {
        if (error instanceof Refusal) {
          const action = who === null || view === undefined ? null : { actionId, requestDigest: view.requestDigest };
          const sentDigest = sha256Hex(JSON.stringify(envelope ?? null));
          await refusals.put(error, { action, who, sentDigest, source: who ?? address });
        }
        throw error;
      }
    },
  };
}

/** False: its review is closed, it is about to run; or policy changed who signs for its agent since it opened. */
async function takeBack(
  workflows: WithdrawalsOptions['workflows'],
  run: { actionId: string; runId: string },
  signed: Envelope,
): Promise<boolean> {
  try {
    await workflows.withdraw({ ...run, updateId: `withdrawal:${payloadDigest(signed)}` }, signed);
    return true;
  } catch (error) {
    // The signature was verified by the bundle in force; the workflow knows the key of the one before.
    if (error instanceof Refusal && (error.code === 'action_closed' || error.code === 'signature_invalid'))
      return false;
    throw error;
  }
}

async function signFor(
  token: string,
  sent: unknown,
  { request, requestDigest }: ActionView,
  { standIn: { readWorkload, signer } }: WithdrawalsOptions,
): Promise<Envelope> {
  const agent = await readWorkload(token);
  // An agent does not learn of others' actions.
  if (agent !== request.agent) throw new Refusal('action_unknown', 'There is no such action.', 'actionId');
  return signWithdrawalFor(agent, sent, { requestDigest, signer });
}

/** The agent's own key; the gateway's only for what it has just signed. */
function signersOf({ request }: ActionView, { directory }: Policy, standIn: StandIn | null): readonly PublicKey[] {
  const key = directory.agentKey(request.agent);
  if (key !== undefined) return [key];
  if (!directory.signsByIntake(request.agent))
    throw new Refusal('agent_unknown', 'The directory no longer lists the agent of this action.');
  if (standIn !== null) return standIn.keys();
  throw new Refusal(
    'unauthenticated',
    'The agent of this action has no key: it withdraws with its token.',
    'Authorization',
  );
}

/** A withdrawal of this action, signed by its own agent or for it. */
function openWithdrawal(envelope: unknown, view: ActionView, signers: readonly PublicKey[]): Envelope {
  const sent = parseOrRefuse(envelopeSchema, envelope, 'envelope_malformed');
  const opened = open(sent, signers);
  if (!opened.ok) {
    throw new Refusal(opened.fault, "The withdrawal is not signed by the action's own agent.", 'signatures.0');
  }
  const { subject, predicate } = parseOrRefuse(statementSchema('withdrawal'), opened.payload);
  const [about] = subject;
  const isAboutThis =
    predicate.body.actionId === view.actionId &&
    predicate.body.agent === view.request.agent &&
    about.name === subjectNameOf(view.actionId) &&
    about.digest.sha256 === view.requestDigest;
  if (!isAboutThis) throw new Refusal('action_id_mismatch', 'The withdrawal is about another action.', 'actionId');
  return sent;
}

function closed(): Refusal {
  return new Refusal('action_closed', 'The action can no longer be withdrawn: it has ended.', 'actionId');
}
