import { describe, expect, it, test } from 'vitest';
import type { Flag } from '../../../src/core/schemas/action.js';
import { checkBundle } from '../../../src/policy/load-bundle.js';
import { editedBundle, EXAMPLE, problemsOf, type Edit } from './bundle-folders.js';

const FILE = 'policy-change.cedar';
const LOOSER_BY_ONE: Edit = { file: FILE, from: '@review("security:2")', to: '@review("security:1")' };

test('the example keeps to it', async () => {
  expect(await problemsOf(EXAMPLE)).toEqual([]);
});

describe('a bundle does not load', () => {
  it.each<[string, Edit[], RegExp]>([
    [
      'in which a loosening needs as few people as a tightening',
      [LOOSER_BY_ONE],
      /^policy-change\.cedar:\d+: a change that loosens policy needs more people .*: 2 at least, and this asks for 1$/,
    ],
    [
      'in which a loosening needs other people, but no more',
      [{ file: FILE, from: '@review("security:1")', to: '@review("security:2")' }],
      /3 at least, and this asks for 2/,
    ],
    [
      'in which a change is automatic',
      [{ file: FILE, from: '@review("security:1")\n@remind("1h")', to: '@review("none")' }],
      /a change of policy is never automatic/,
    ],
    [
      'in which who decides on policy is changed by as few as a tightening',
      [{ file: FILE, from: '@review("platform:1 & security:2")', to: '@review("security:1")' }],
      /2 at least, and this asks for 1/,
    ],
    [
      'in which the glass may be broken for a change',
      [
        {
          file: FILE,
          from: '@review("security:1")\n',
          to: '@review("security:1")\n@breakglass("platform:2, 1m, 1h")\n',
        },
      ],
      /a change of policy waits for its people: it can have no @breakglass/,
    ],
  ])('%s', async (_, edits, says) => {
    const problems = await problemsOf(await editedBundle(edits));
    expect(problems.length).toBeGreaterThan(0);
    for (const problem of problems) expect(problem).toMatch(says);
  });
});

test('no condition gets a loosening past it: it is judged for each change anew', async () => {
  // By night two are enough for everything: nothing of that shows when the bundle is loaded.
  const night = `
@id("policy-by-night")
@review("security:2")
@expire("3d")
@lease("2m")
permit (principal in AgentGroup::"policy-authors", action == Action::"policy.change", resource)
when { context.flags.contains("unusual_hour") };
`;
  const { policy } = await checkBundle(await editedBundle([{ file: FILE, from: null, to: night }]));
  const answer = (...codes: string[]) => {
    const flags = codes.map((code): Flag => ({ code, severity: 'high', sentence: '' }));
    const target = { kind: 'policy-store', name: 'policy', environment: 'production' };
    return policy?.review({ agent: 'policy-author', operation: 'policy.change', target, flags, nowMs: 0 });
  };
  expect(answer('unusual_hour')).toMatchObject({ allowed: true });
  expect(answer('policy_loosened')).toMatchObject({ allowed: true });
  expect(answer('unusual_hour', 'policy_loosened')).toMatchObject({ allowed: false, code: 'policy_forbids' });
});
