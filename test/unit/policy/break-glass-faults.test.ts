import { expect, test } from 'vitest';
import { editedBundle, NOBODY_UNFREEZES, problemsOf } from './bundle-folders.js';

const FILE = 'database-export.cedar';

test.each([
  ['by one person', 'security:1, 2m, 24h', 'asks for 1 of group "security"; nobody breaks the glass alone'],
  ['by more than there are', 'security:3, 2m, 24h', 'asks for 3 of group "security", which holds 2 people'],
  ['by an unknown group', 'securty:2, 2m, 24h', 'names group "securty"; the directory has "security"'],
  ['twice by a group', 'security:2 & security:2, 2m, 24h', 'names group "security" twice'],
  ['by groups that are too small', 'dba:2 & data-owner:2, 2m, 24h', 'asks for 2 of group "data-owner"'],
  ['for longer than the lease', 'security:2, 6m, 24h', 'lends for 6m, longer than @lease'],
  ['for too short', 'security:2, 5s, 24h', 'lends for 5s; a lease lives from 10s to 1d'],
  ['to be reviewed at once', 'security:2, 2m, 30s', 'wants the review within 30s'],
  ['without a deadline', 'security:2, 2m', 'is "security:2, 2m"; write groups'],
  ['in no form', 'security, 2m, 24h', 'has "security"; write groups'],
  // All three of dba could break it: then nobody of them is left.
  ['whose reviewers may all break it', 'dba:3, 2m, 24h', 'may leave nobody of group "dba" to review it afterwards'],
])('a glass that is broken %s does not load, and says so by file and line', async (_, value, says) => {
  const to = `@remind("5m")\n@breakglass("${value}")`;
  const problems = await problemsOf(await editedBundle([{ file: FILE, from: '@remind("5m")', to }]));
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(/^database-export\.cedar:\d+: @breakglass /);
  expect(problems[0]).toContain(says);
});

test.each([
  ['nobody', [NOBODY_UNFREEZES[0]], '@breakglass needs "unfreeze" in directory.yaml'],
  [
    'only people who may break it',
    [{ file: 'directory.yaml', from: 'incident-lead: [dave, erin, fay]', to: 'incident-lead: [erin, fay]' }],
    '@breakglass may be broken by all of group "incident-lead"',
  ],
])('a glass does not load where %s could review it once its reviewers are barred', async (_, edits, says) => {
  const [problem] = await problemsOf(await editedBundle(edits.filter((edit) => edit !== undefined)));
  expect(problem).toMatch(/^ssh-command\.cedar:\d+: /);
  expect(problem).toContain(says);
});

test('a glass where nobody reviews does not load', async () => {
  const to = '@review("none")\n@breakglass("security:2, 2m, 24h")';
  const [problem] = await problemsOf(await editedBundle([{ file: FILE, from: '@review("none")', to }]));
  expect(problem).toContain('@breakglass has no effect beside @review("none")');
});
