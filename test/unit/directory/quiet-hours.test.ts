import { describe, expect, test } from 'vitest';
import { loadDirectory } from '../../../src/directory/load-directory.js';

const load = (quietHours: string): ReturnType<typeof loadDirectory> =>
  loadDirectory({
    path: 'directory.yaml',
    text: `people:
  - { id: ann, name: Ann, email: ann@example.com, oidcSubject: ann }
  - { id: root, name: Ann, email: root@example.com, oidcSubject: root, aliases: [ann],
      quietHours: ${quietHours} }
  - { id: bob, name: Bob, email: bob@example.com, oidcSubject: bob }
groups: {}
agents: []
`,
  });

describe('quiet hours', () => {
  const night = "{ timeZone: Europe/Berlin, from: '22:00', to: '07:00' }";
  const noon = "{ timeZone: America/New_York, from: '12:00', to: '13:30' }";

  test.each([
    [night, 'ann', '2026-11-22T20:59:59Z', false],
    [night, 'ann', '2026-11-22T21:00:00Z', true],
    [night, 'ann', '2026-11-23T05:59:59Z', true],
    [night, 'ann', '2026-11-23T06:00:00Z', false],
    // Summer time: an hour sooner.
    [night, 'ann', '2026-07-01T05:00:00Z', false],
    [night, 'root', '2026-11-22T23:00:00Z', true],
    [night, 'bob', '2026-11-22T23:00:00Z', false],
    [night, 'nobody', '2026-11-22T23:00:00Z', false],
    [noon, 'ann', '2026-11-22T17:00:00Z', true],
    [noon, 'ann', '2026-11-22T18:30:00Z', false],
  ])('%s hold for %s at %s: %s', (quietHours, person, at, holds) => {
    const loaded = load(quietHours);
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
    expect(loaded.value.inQuietHours(person, Date.parse(at))).toBe(holds);
  });

  test.each([
    ["{ timeZone: Berlin, from: '22:00', to: '07:00' }", 'timeZone: must be an IANA time zone such as Europe/Berlin'],
    ["{ timeZone: UTC, from: '22', to: '07:00' }", 'from: must be a time of day such as 09:00'],
    ["{ timeZone: UTC, from: '22:00', to: '24:00' }", 'to: must be a time of day such as 09:00'],
    ["{ timeZone: UTC, from: '22:00', to: '22:00' }", 'must end at another time of day than they begin'],
    ["{ timeZone: UTC, from: '22:00', to: '07:00', days: [sat] }", 'days: is not a known field'],
    ["{ from: '22:00', to: '07:00' }", 'timeZone: '],
  ])('%s is refused with its line', (quietHours, message) => {
    const loaded = load(quietHours);
    const problems = loaded.ok ? [] : loaded.problems;
    expect(problems).toEqual([{ at: 'directory.yaml:4', message: expect.stringContaining(message) as string }]);
  });
});
