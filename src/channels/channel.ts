import type { AnnouncementEvent } from '../contracts/activities.js';
import { ServiceFault } from '../core/errors.js';
import type { ActionView } from '../record/action-view.js';
import type { AlarmState } from './clearing.js';
import type { FreezeState } from './freezing.js';

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
  /** Told of an alarm about record, ledger or policy, by each process once. Absent: the channel wakes nobody. */
  alarmStands?(alarm: AlarmState): Promise<void>;
  /** Told when somebody cleared an alarm, by each process once, also of one that another process or none told of. */
  alarmCleared?(alarm: AlarmState): Promise<void>;
  /** Told of a freeze, by whomever, by each process once. */
  freezeStands?(freeze: FreezeState): Promise<void>;
  /** Told when a freeze was lifted; as `alarmCleared`. */
  freezeLifted?(freeze: FreezeState): Promise<void>;
  /**
   * Asked every minute: does what no announcement brings, such as a reminder that was held in somebody's quiet hours, or an
   * alert that stands although what it told of is over. Absent: there is no such thing.
   * @throws ServiceFault when some of it could not be done: it is asked for again.
   */
  catchUp?(): Promise<void>;
}
