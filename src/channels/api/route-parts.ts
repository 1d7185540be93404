import type { FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import type { z } from 'zod';
import { Refusal } from '../../core/errors.js';
import type { PersonPrincipal, Principal, Ways } from './principals.js';
import { problemSchema } from './problems.js';

/** Proves who sends a request before its body is read. */
export interface Identify {
  /** A hook: lets people and agents through. */
  either: onRequestAsyncHookHandler;
  /** A hook: lets people through. */
  person: onRequestAsyncHookHandler;
  /** A hook: lets agents through. */
  agent: onRequestAsyncHookHandler;
  /** Whom a hook proved, whether or not it let them through. */
  find(request: FastifyRequest): Principal | undefined;
  /** Whom the hook let through. */
  of(request: FastifyRequest): Principal;
  /** The person whom the hook let through; for routes of people only. */
  personOf(request: FastifyRequest): PersonPrincipal;
}

export function createIdentify(read: (request: FastifyRequest, ways: Ways) => Promise<Principal>): Identify {
  const principals = new WeakMap<FastifyRequest, Principal>();
  const only =
    (kind: Principal['kind'] | null, message: string): onRequestAsyncHookHandler =>
    async (request) => {
      // An agent's routes never take cookies.
      const principal = await read(request, { cookies: kind !== 'agent' });
      principals.set(request, principal);
      if (kind !== null && principal.kind !== kind) throw new Refusal('forbidden', message, 'Authorization');
    };
  const of = (request: FastifyRequest): Principal => {
    const principal = principals.get(request);
    if (principal === undefined) throw new Error('Identify: this route has no sign-in hook');
    return principal;
  };
  return {
    either: only(null, ''),
    person: only('person', 'Only people decide: an agent may ask, wait and withdraw.'),
    agent: only('agent', 'Only agents may do this: one that asks, for what is its own.'),
    find: (request) => principals.get(request),
    of,
    personOf(request) {
      const principal = of(request);
      if (principal.kind !== 'person') throw new Error('Identify: the hook of this route lets people through only');
      return principal;
    },
  };
}

/** A route's answers, and Problem Details for all else. */
export function withProblems<Answers extends Record<number, z.ZodType | { description: string; content: object }>>(
  answers: Answers,
) {
  const problem = {
    description: 'Problem Details (RFC 9457)',
    content: { 'application/problem+json': { schema: problemSchema } },
  };
  return { ...answers, '4xx': problem, '5xx': problem };
}
