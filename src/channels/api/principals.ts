import type { FastifyRequest } from 'fastify';
import { Refusal } from '../../core/errors.js';
import type { ActionView } from '../../record/action-view.js';
import { unauthenticated } from './oidc-issuer.js';
import type { AgentTokenUse } from './agent-tokens.js';
import type { SignedInPerson } from './people.js';

/** Who sent a request, proven. */
export type Principal = ({ kind: 'person' } & SignedInPerson) | { kind: 'agent'; agent: string };

export interface PrincipalsOptions {
  readPerson: (token: string) => Promise<SignedInPerson>;
  readAgent: (token: string, use: AgentTokenUse) => Promise<string>;
}

/** Reads the `Authorization` header: `Bearer` for people, `Countersign-Agent` for agents. */
export function createPrincipals({ readPerson, readAgent }: PrincipalsOptions) {
  return async (request: FastifyRequest): Promise<Principal> => {
    const [scheme, token, ...rest] = (request.headers.authorization ?? '').split(' ');
    if (token === undefined || token === '' || rest.length > 0) {
      throw unauthenticated('Sign in: send Authorization: Bearer <token>, or Countersign-Agent <token>.');
    }
    if (scheme?.toLowerCase() === 'bearer') return { kind: 'person', ...(await readPerson(token)) };
    if (scheme?.toLowerCase() !== 'countersign-agent') {
      throw unauthenticated('The Authorization scheme must be Bearer or Countersign-Agent.');
    }
    const [path = ''] = request.url.split('?');
    return { kind: 'agent', agent: await readAgent(token, { method: request.method, path }) };
  };
}

/** How records name a principal. */
export function nameOf(principal: Principal): string {
  return principal.kind === 'person' ? `person/${principal.person.id}` : `agent/${principal.agent}`;
}

/** People see every action; an agent its own, and does not learn of others. */
export function requireSight(principal: Principal, view: ActionView | undefined): ActionView {
  if (view === undefined || (principal.kind === 'agent' && view.request.agent !== principal.agent)) {
    throw new Refusal('action_unknown', 'There is no such action.', 'actionId');
  }
  return view;
}
