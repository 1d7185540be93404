import type { FlagCase } from './subject.js';

// A Wednesday, at noon and at half past two at night in Berlin.
export const AT_WORK = Date.UTC(2026, 10, 18, 11, 0);
const AT_NIGHT = Date.UTC(2026, 10, 18, 1, 30);

/** What every operation flags alike: when it is asked for, whether it is new for the agent, and where. */
export const MOMENT_CASES: readonly FlagCase[] = [
  { name: 'at night', nowMs: AT_NIGHT, flags: ['unusual_hour'] },
  { name: 'for the first time', past: 0, flags: ['first_time'] },
  { name: 'elsewhere than in production', target: { environment: 'staging' }, flags: [], not: ['production'] },
];
