import { open, payloadDigest, type Envelope } from '../core/dsse.js';
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
import type { Refusals } from './refusals.js';

export interface WithdrawalsOptions {
  policy: () => Policy;
  record: ActionRecord;
  workflows: Pick<ActionWorkflows, 'openRun' | 'withdraw'>;
  refusals: Refusals;
}

export interface Withdrawals {
  /**
   * Takes an agent's own signed withdrawal of an action that is not yet running. The same again is answered the same.
   * @throws Refusal on record, as for decisions; ServiceFault when it could not be recorded or delivered.
   */
  withdraw(withdrawal: { actionId: string; envelope: unknown; address: string }): Promise<void>;
}

export function createWithdrawals({ policy, record, workflows, refusals }: WithdrawalsOptions): Withdrawals {
  return {
    async withdraw({ actionId, envelope, address }) {
      const statements = await record.ofAction(actionId);
      const view = viewAction(statements);
      let who: string | null = null;
      try {
        if (view === undefined) throw new Refusal('action_unknown', 'There is no such action.', 'actionId');
        const signed = openWithdrawal(envelope, view, policy());
        who = `agent/${view.request.agent}`;
        const earlier = allOf(statements, 'withdrawal');
        const isKnown = earlier.some(({ digest }) => digest === payloadDigest(signed));
        if (view.state === 'done' && isKnown && view.outcome?.status === 'withdrawn') return;
        if (view.state === 'done' || view.state === 'running') throw closed();
        const runId = await workflows.openRun(actionId);
        if (runId === null) throw closed();
        await record.appendAgentStatement('withdrawal', actionId, signed);
        await workflows.withdraw({ actionId, runId, updateId: `withdrawal:${payloadDigest(signed)}` }, signed);
      } catch (error) {
        if (error instanceof Refusal) {
          const action = who === null || view === undefined ? null : { actionId, requestDigest: view.requestDigest };
          const sentDigest = sha256Hex(JSON.stringify(envelope));
          await refusals.put(error, { action, who, sentDigest, source: who ?? address });
        }
        throw error;
      }
    },
  };
}

/** A withdrawal of this action, signed by its own agent. */
function openWithdrawal(envelope: unknown, view: ActionView, policy: Policy): Envelope {
  const sent = parseOrRefuse(envelopeSchema, envelope, 'envelope_malformed');
  const key = policy.directory.agentKey(view.request.agent);
  if (key === undefined) throw new Refusal('agent_unknown', 'The directory no longer lists the agent of this action.');
  const opened = open(sent, [key]);
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
  return new Refusal('action_closed', 'The action can no longer be withdrawn: it runs, or has ended.', 'actionId');
}
