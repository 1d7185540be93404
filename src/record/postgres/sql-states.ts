/** SQLSTATEs of ours, which the record's triggers raise. */

/** Nothing is leased for an action that has ended, and nothing issued under a lease that has. */
export const ACTION_ENDED = 'CS001';
/** Somebody else has taken what is stated to be taken. */
export const ALREADY_TAKEN = 'CS002';
