import { Refusal } from '../../core/errors.js';
import { RecordFault } from './pool.js';

/** SQLSTATEs of ours, which the record's triggers raise, and what they mean to who is refused. */

/** Nothing is leased for an action that has ended, and nothing issued under a lease that has. */
export const ACTION_ENDED = 'CS001';
/** Somebody else has taken what is stated to be taken. */
export const ALREADY_TAKEN = 'CS002';

export function alreadyTaken(): Refusal {
  return new Refusal(
    'already_claimed',
    'Another attempt has taken this step or begun its effect, or the action has ended since: it is not begun.',
  );
}

/** Why a row was not taken, where a trigger says so; else the same error. @param ended the words for what comes too late */
export function refusalOfRow(error: unknown, ended: string): unknown {
  if (!(error instanceof RecordFault)) return error;
  if (error.sqlState === ALREADY_TAKEN) return alreadyTaken();
  return error.sqlState === ACTION_ENDED ? new Refusal('action_closed', ended) : error;
}
