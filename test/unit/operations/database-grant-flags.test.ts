import { describe, expect, it } from 'vitest';
import { flagSchema } from '../../../src/core/schemas/action.js';
import { findGrantFlags } from '../../../src/operations/database-grant/flags.js';
import { grewSince } from '../../../src/operations/database-grant/preview.js';
import { CUSTOMERS, grant, MAIL, ORDERS, revoke, run } from './grant-shop.js';

const NOON_UTC_MS = Date.UTC(2026, 10, 18, 12, 0);

describe('flags of database.grant', () => {
  const target = { name: 'orders', environment: 'staging', hours: { timeZone: 'UTC', from: 8, to: 18 } };
  it.each<[string, object, string[]]>([
    ['nothing unusual', grant(['SELECT'], ORDERS, 'auditors'), []],
    ['what was so', grant(['SELECT'], ORDERS, 'clerks', {}), []],
    ['writing', grant(['INSERT'], ORDERS, 'clerks'), ['write_privileges:medium']],
    ['to everyone', grant(['SELECT'], ORDERS, 'public'), ['to_public:high']],
    ['to everyone, writing', grant(['DELETE'], ORDERS, 'public'), ['to_public:critical', 'write_privileges:medium']],
    ['personal data', grant(['SELECT'], CUSTOMERS, 'auditors'), ['personal_data:high']],
    ['personal data by column', grant(['SELECT'], MAIL, 'auditors'), ['personal_data:high']],
    ['other columns', grant(['SELECT'], { ...MAIL, columns: ['id'] }, 'auditors'), []],
    ['personal data to everyone', grant(['SELECT'], CUSTOMERS, 'public'), ['to_public:high', 'personal_data:critical']],
    ['passing on', grant(['SELECT'], ORDERS, 'auditors', { grantOption: true }), ['may_pass_on:high']],
    ['administering', { do: 'grant_membership', role: 'lonely', to: 'ada', admin: true }, ['may_pass_on:high']],
    [
      'all tables',
      grant(['SELECT'], { kind: 'all_tables', schema: 'public' }, 'auditors'),
      ['personal_data:high', 'all_tables:medium'],
    ],
    [
      "PostgreSQL's own role",
      { do: 'grant_membership', role: 'pg_read_all_data', to: 'ada' },
      ['predefined_role:critical'],
    ],
    [
      'another owner’s rights',
      grant(['EXECUTE'], { kind: 'function', schema: 'public', function: 'refund', arguments: ['bigint'] }, 'clerks'),
      ['definer_function:high'],
    ],
    ['a login', { do: 'create_role', role: 'new', login: true }, ['new_login:medium']],
    ['the end of a role', { do: 'drop_role', role: 'lonely' }, ['role_dropped:medium']],
    ['less', revoke(['SELECT'], ORDERS, 'clerks'), ['access_lost:low']],
  ])('%s', (_, change, expected) => {
    const { before, after, changes, effective } = run([change]);
    const flags = findGrantFlags({ before, after, changes, effective, target, pastChanges: 1, nowMs: NOON_UTC_MS });
    expect(flags.map(({ code, severity }) => `${code}:${severity}`)).toEqual(expected);
    for (const flag of flags) expect(flagSchema.safeParse(flag).success).toBe(true);
  });

  it('tells production, the hour and the first time', () => {
    const { before, after, changes, effective } = run([grant(['SELECT'], ORDERS, 'auditors')]);
    const night = { before, after, changes, effective, pastChanges: 0, nowMs: Date.UTC(2026, 10, 18, 3, 0) };
    const flags = findGrantFlags({ ...night, target: { ...target, environment: 'production' } });
    expect(flags.map(({ code }) => code)).toEqual(['production', 'unusual_hour', 'first_time']);
  });
});

describe('growth', () => {
  const preview = (estimate: object) => ({
    summary: '',
    facts: [],
    content: { language: 'sql' as const, text: '' },
    fingerprint: '0'.repeat(64),
    estimate: { allowed: 2, lost: 0, reached: ['ada'], losing: [], ...estimate },
  });
  it.each<[string, object, RegExp | null]>([
    ['the same', {}, null],
    ['fewer', { allowed: 1 }, null],
    ['more', { allowed: 3 }, /3 rights; 2 were approved/],
    ['other roles', { reached: ['bob'] }, /other role.*bob/],
    ['other roles that lose', { losing: ['bob'] }, /lose rights: bob/],
    ['a loss', { lost: 1 }, /take away 1/],
    ['an unknown number', { allowed: null }, /newly allow/],
  ])('%s', (_, estimate, expected) => {
    const grown = grewSince(preview({}), preview(estimate));
    if (expected === null) expect(grown).toBeNull();
    else expect(grown).toMatch(expected);
  });
});
