import type { FreezeScope } from '../../src/core/schemas/statements.js';
import { visibleLine } from '../../src/core/visible-text.js';
import { describeScope } from '../../src/record/freezes.js';
import { UsageError } from './exit-codes.js';

/** How a scope is written on a command line. */
export const SCOPE_ARGUMENTS = {
  what: 'agent, operation, or all',
  name: "the agent's id, or the operation's name; none for all",
} as const;

/**
 * Reads `agent export-bot`, `operation database.export` or `all`.
 * @throws UsageError for anything else.
 */
export function readScope(what: string, name: string | undefined): FreezeScope {
  if (what === 'agent' && name !== undefined) return { kind: 'agent', agent: name };
  if (what === 'operation' && name !== undefined) return { kind: 'operation', operation: name };
  if (what === 'all' && name === undefined) return { kind: 'all' };
  throw new UsageError('Say what: "agent <id>", "operation <name>", or "all".');
}

/** The same as it is written on a command line. */
export function scopeWords(scope: FreezeScope): string {
  return scope.kind === 'all' ? 'all' : visibleLine(describeScope(scope));
}

/** A scope within a sentence. */
export function scopeSentence(scope: FreezeScope): string {
  return visibleLine(describeScope(scope));
}
