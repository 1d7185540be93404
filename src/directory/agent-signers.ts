import type { PublicKey } from '../core/dsse.js';
import type { Agent } from './directory.js';

/** By whom it may be signed what an agent is said to have stated. */
export interface AgentSigners {
  /** Every key that counts as the agent's own, newest first; all have the key id `agent/<id>`. Empty: it has none. */
  agentKeys(agent: string): readonly PublicKey[];
  /** Whether the gateway's signature counts as the agent's. Default: for no agent. */
  signsByIntake?(agent: string): boolean;
}

/** What of an agent's entry in a directory says who signs for it. */
export type SigningAgent = Pick<Agent, 'id'> & { publicKey?: string | undefined; jwt?: unknown };

/** Signers of agents by several directories: what was signed under one of them stays readable under the next. */
export interface RememberedSigners extends Required<AgentSigners> {
  /** Takes the agents of one more directory, as the newest. */
  remember(agents: readonly SigningAgent[]): void;
}

/** @param directories agents of each directory that counts, oldest first */
export function rememberSigners(...directories: readonly (readonly SigningAgent[])[]): RememberedSigners {
  const keys = new Map<string, readonly PublicKey[]>();
  const byIntake = new Set<string>();
  const remembered: RememberedSigners = {
    agentKeys: (agent) => keys.get(agent) ?? [],
    signsByIntake: (agent) => byIntake.has(agent),
    remember(agents) {
      for (const { id, publicKey, jwt } of agents) {
        if (jwt !== undefined) byIntake.add(id);
        if (publicKey === undefined) continue;
        const others = (keys.get(id) ?? []).filter((known) => known.publicKey !== publicKey);
        keys.set(id, [{ keyid: `agent/${id}`, publicKey }, ...others]);
      }
    },
  };
  for (const agents of directories) remembered.remember(agents);
  return remembered;
}
