import type { FreezeScope, StatementBody } from '../core/schemas/statements.js';
import type { Directory } from '../directory/directory.js';
import { allOf, type AnyRecorded, type Recorded } from './record.js';

/** What may be under a freeze: one request, or an agent before it asks for an operation (null). */
export interface FreezeSubject {
  agent: string;
  operation: string | null;
}

/** How many different people lift what a person froze: whoever froze it cannot do it alone. See ADR 0024. */
export const LIFTERS_OF_A_PERSONS_FREEZE = 2;

/** Who is who, and whose word lifts a freeze. */
export type Lifters = Pick<Directory, 'canonical' | 'mayUnfreeze'>;

/** What a freeze covers. */
export function scopeOf(freeze: StatementBody<'freeze'>): FreezeScope {
  return freeze.because === 'person' ? freeze.scope : { kind: 'agent', agent: freeze.agent };
}

/** Whether a freeze of this scope stops the subject. */
export function isCovered({ agent, operation }: FreezeSubject, scope: FreezeScope): boolean {
  switch (scope.kind) {
    case 'agent':
      return scope.agent === agent;
    case 'operation':
      return scope.operation === operation;
    case 'all':
      return true;
  }
}

/** The scopes of all freezes that could stop the subject, for `Record.freezesOf`. */
export function scopesOver({ agent, operation }: FreezeSubject): FreezeScope[] {
  const ofOperation: FreezeScope[] = operation === null ? [] : [{ kind: 'operation', operation }];
  return [{ kind: 'agent', agent }, ...ofOperation, { kind: 'all' }];
}

/** One word for a scope: `agent/export-bot`, `operation/database.export`, `all/all`. Names hold no slash. */
export function wordOfScope(scope: FreezeScope): string {
  switch (scope.kind) {
    case 'agent':
      return `agent/${scope.agent}`;
    case 'operation':
      return `operation/${scope.operation}`;
    case 'all':
      return 'all/all';
  }
}

/** A scope within a sentence: `agent export-bot`, `operation database.export`, `everything`. */
export function describeScope(scope: FreezeScope): string {
  return scope.kind === 'all' ? 'everything' : wordOfScope(scope).replace('/', ' ');
}

/** Freezes that are meant and not lifted, oldest first. Each is lifted by `unfreeze`s that name its digest. */
export function openFreezes(
  statements: readonly AnyRecorded[],
  isMeant: (scope: FreezeScope) => boolean,
  people: Lifters,
): Recorded<'freeze'>[] {
  return allOf(statements, 'freeze').filter(
    (freeze) => isMeant(scopeOf(freeze.body)) && liftersMissing(freeze, statements, people) > 0,
  );
}

/** The first open freeze by a person that stops the subject. */
export function personsFreezeOver(
  statements: readonly AnyRecorded[],
  subject: FreezeSubject,
  people: Lifters,
): Recorded<'freeze'> | undefined {
  return openFreezes(statements, (scope) => isCovered(subject, scope), people).find(
    ({ body }) => body.because === 'person',
  );
}

/**
 * How many more people must lift a freeze before it is lifted: one for what the executor froze, else two. Whoever the directory
 * does not let unfreeze counts for nothing, whatever the gateway signed. See ADR 0024.
 */
export function liftersMissing(
  freeze: Recorded<'freeze'>,
  statements: readonly AnyRecorded[],
  { canonical, mayUnfreeze }: Lifters,
): number {
  const scope = scopeOf(freeze.body);
  const agent = scope.kind === 'agent' ? scope.agent : null;
  const people = liftsOf(freeze, statements).map(({ body }) => body.by.person);
  const counted = new Set(people.filter((person) => mayUnfreeze(person, agent)).map(canonical));
  const needed = freeze.body.because === 'person' ? LIFTERS_OF_A_PERSONS_FREEZE : 1;
  return Math.max(0, needed - counted.size);
}

/** What was said to lift a freeze: statements that name it, under the same action and about the same agent, or about none. */
export function liftsOf(
  { digest, actionId, body }: Recorded<'freeze'>,
  statements: readonly AnyRecorded[],
): Recorded<'unfreeze'>[] {
  const agent = body.because === 'person' ? undefined : body.agent;
  return allOf(statements, 'unfreeze').filter(
    (lift) => lift.body.freeze === digest && lift.actionId === actionId && lift.body.agent === agent,
  );
}
