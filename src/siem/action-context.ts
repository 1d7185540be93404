import type { TargetRef } from '../core/schemas/action.js';
import type { AccessChange } from './ocsf/access-change.js';

/** What is known of an action beside a single statement about it: an analyst wants it in every event. */
export interface ActionContext {
  agent: string;
  operation: string;
  /** Null before its preview. */
  target: TargetRef | null;
  /** What the operation changes of who may do what; null when it is of another sort. */
  change: AccessChange | null;
}
