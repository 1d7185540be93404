import { ServiceFault } from '../core/errors.js';
import type { ActionView } from '../record/action-view.js';

/** Why a channel is told. */
export type AnnouncementEvent = 'opened' | 'reminded' | 'escalated' | 'paged' | 'decided' | 'reopened' | 'concluded';

/** Two views crossed on their way: which of them people see is not known. */
export class Overtaken extends ServiceFault {}

/** A place where people see actions. It shows what the record says, and is told at every change. */
export interface Channel {
  name: string;
  /**
   * Posts or updates so that the channel shows `view`. Idempotent: told twice with the same number, it posts once.
   * @param number counts the announcements of one workflow run from 1; 0 for the last one, `concluded`.
   * @throws Overtaken when a later view was shown at the same time: show a fresh one.
   * @throws ServiceFault when the channel did not take it; the caller retries, the action stays decidable elsewhere.
   */
  announce(event: AnnouncementEvent, view: ActionView, number: number): Promise<void>;
  /**
   * Told at each attempt to end the action's leases that should have and did not, until `announce` shows that they ended.
   * Absent: the channel shows what the record says, and no more.
   */
  leaseLate?(view: ActionView): Promise<void>;
}
