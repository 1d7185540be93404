import { seal, type Envelope, type PublicKey, type Signer } from '../core/dsse.js';
import { Refusal } from '../core/errors.js';
import { parseOrRefuse } from '../core/invalid-field.js';
import { digestOf } from '../core/json.js';
import { requestSchema } from '../core/schemas/action.js';
import { statementBodySchemas } from '../core/schemas/statements.js';
import { buildStatement } from '../core/statement.js';
import { withinStack } from '../operations/admit.js';

/** How the gateway stands in for agents without a key: it verifies their token, drops it, and signs. */
export interface StandIn {
  /**
   * Verifies a workload's token.
   * @returns the id of the one agent whose identity it is.
   * @throws Refusal `unauthenticated` or `agent_unknown`.
   */
  readWorkload(token: string): Promise<string>;
  /** The gateway's key `intake`. */
  signer: Signer;
  /** All versions of that key, for what it signed before. */
  keys(): readonly PublicKey[];
}

/**
 * Signs the plain request of an agent that was proven by its token.
 * @throws Refusal naming the field; `forbidden` when it names another agent.
 */
export async function signRequestFor(agent: string, sent: unknown, signer: Signer): Promise<Envelope> {
  const statement = withinStack(() => {
    const body = parseOrRefuse(requestSchema, sent);
    requireOwn(agent, body.agent);
    return buildStatement('request', { actionId: body.actionId, requestDigest: digestOf(body), body, chain: null });
  });
  return sealOne(statement, signer);
}

/** Signs such an agent's withdrawal. @throws as `signRequestFor`. */
export async function signWithdrawalFor(
  agent: string,
  sent: unknown,
  { requestDigest, signer }: { requestDigest: string; signer: Signer },
): Promise<Envelope> {
  const statement = withinStack(() => {
    const body = parseOrRefuse(statementBodySchemas.withdrawal, sent);
    requireOwn(agent, body.agent);
    return buildStatement('withdrawal', { actionId: body.actionId, requestDigest, body, chain: null });
  });
  return sealOne(statement, signer);
}

function requireOwn(agent: string, named: string): void {
  if (agent === named) return;
  throw new Refusal('forbidden', `The token is of agent ${agent}; the body names another.`, 'agent');
}

async function sealOne(statement: unknown, signer: Signer): Promise<Envelope> {
  const [envelope] = await seal([statement], signer);
  if (envelope === undefined) throw new Error('sealOne: nothing was signed');
  return envelope;
}
