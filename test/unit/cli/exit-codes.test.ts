import { describe, expect, it } from 'vitest';
import { WaitTimedOut } from '../../../src/client/wait.js';
import { complaintOf, exitCodeOf, UsageError } from '../../../apps/cli/exit-codes.js';
import { Refusal, ServiceFault } from '../../../src/core/errors.js';
import type { Outcome } from '../../../src/core/schemas/action.js';

describe('exit codes', () => {
  it.each<[status: Outcome['status'], code: number]>([
    ['succeeded', 0],
    ['refused', 3],
    ['denied', 4],
    ['expired', 4],
    ['withdrawn', 4],
    ['cancelled', 4],
    ['effect_mismatch', 9],
    ['failed', 5],
    ['unknown', 5],
    ['interrupted', 5],
  ])('an action that is %s: %i', (status, code) => {
    expect(exitCodeOf(status)).toBe(code);
  });

  it('tells of a part that is loaded late and is missing as of the installation', () => {
    expect(complaintOf(Object.assign(new Error("Cannot find package 'pg'"), { code: 'ERR_MODULE_NOT_FOUND' }))).toEqual(
      {
        exitCode: 1,
        code: 'not_installed',
        field: null,
        message: expect.stringContaining("it does not find 'pg'. Run: npm run setup") as string,
      },
    );
  });

  it.each<[what: string, error: unknown, code: number]>([
    ['a defect', new TypeError('x is not a function'), 1],
    ['something that is no error', 'thrown', 1],
    ['an answer that this client does not know', new ServiceFault('gateway', 'odd', false), 1],
    ['a wrong command line', new UsageError('no'), 2],
    ['a refusal', new Refusal('policy_forbids', 'no'), 3],
    ['a gateway that is away', new ServiceFault('gateway', 'away', true), 6],
    ['an identity provider that is away', new ServiceFault('oidc', 'away', true), 6],
    ['nobody signed in', new Refusal('unauthenticated', 'no'), 7],
    ['a wait that is over', new WaitTimedOut('01M82BEDCBHPE39GJ5Q8ZMGYDJ', null), 8],
    ['Ctrl-C', new DOMException('stop', 'AbortError'), 130],
  ])('%s', (_what, error, code) => {
    expect(complaintOf(error).exitCode).toBe(code);
  });
});
