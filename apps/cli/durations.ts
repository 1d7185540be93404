import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../../src/policy/duration.js';

/** Milliseconds of `30s`, `5m`, `2h` or `7d`, as policies write them. */
export function parseSpan(text: string): number {
  const ms = parseDuration(text);
  if (ms === null) throw new InvalidArgumentError('Give a time such as 30s, 10m, 2h or 7d.');
  return ms;
}
