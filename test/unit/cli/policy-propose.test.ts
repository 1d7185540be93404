import { expect, test } from 'vitest';
import { EXIT } from '../../../apps/cli/exit-codes.js';
import { editedBundle, EXAMPLE } from '../policy/bundle-folders.js';
import { run } from './run.js';

// No gateway is there: whatever is wrong with a bundle is said before anybody is asked.
const propose = (dir: string) => run(['policy', 'propose', dir, '--reason', 'Stricter', '--agent', 'policy-author']);

test('a bundle that does not load is not proposed; every problem is named', async () => {
  const dir = await editedBundle([{ file: 'policy-change.cedar', from: 'security:2', to: 'security:1' }]);
  const { exitCode, stdout } = await propose(dir);
  expect(exitCode).toBe(EXIT.refused);
  expect(stdout).toMatch(/policy-change\.cedar:\d+: a change that loosens policy needs more people/);
  expect(stdout).toContain('Nothing was asked.');
});

test('a first bundle follows none', async () => {
  const { exitCode, stderr } = await propose(EXAMPLE);
  expect(exitCode).toBe(EXIT.usage);
  expect(stderr).toContain('bundle.yaml');
});
