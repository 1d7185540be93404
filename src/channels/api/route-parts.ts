import type { FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import type { z } from 'zod';
import { Refusal } from '../../core/errors.js';
import type { Principal } from './principals.js';
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
}

export function createIdentify(read: (request: FastifyRequest) => Promise<Principal>): Identify {
  const principals = new WeakMap<FastifyRequest, Principal>();
  const only =
    (kind: Principal['kind'] | null, message: string): onRequestAsyncHookHandler =>
    async (request) => {
      const principal = await read(request);
      principals.set(request, principal);
      if (kind !== null && principal.kind !== kind) throw new Refusal('forbidden', message, 'Authorization');
    };
  return {
    either: only(null, ''),
    person: only('person', 'Only people decide: an agent may ask, wait and withdraw.'),
    agent: only('agent', "Only the agent that asked may fetch the action's output."),
    find: (request) => principals.get(request),
    of(request) {
      const principal = principals.get(request);
      if (principal === undefined) throw new Error('Identify: this route has no sign-in hook');
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
