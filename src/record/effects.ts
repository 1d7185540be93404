import type { ActionSnapshot } from '../core/schemas/action.js';
import type { Recorded } from './record.js';

/** An effect that began, from signed statements: what ran, and what came of it. */
export interface BegunEffect {
  actionId: string;
  /** By the database's clock: nobody chooses it. */
  beganAtMs: number;
  /** As it was approved; the executor's claim names its digest. */
  approved: Pick<ActionSnapshot, 'agent' | 'operation' | 'params'>;
  /** Null while it is not known. */
  result: Recorded<'result'> | null;
}

/** Effects that began within a while. */
export interface RecentEffects {
  /** When they were read, by the database's clock. */
  atMs: number;
  /** Oldest first. */
  begun: BegunEffect[];
}

/** What was asked where nothing depends on it. */
export const NO_EFFECTS: RecentEffects = { atMs: 0, begun: [] };
