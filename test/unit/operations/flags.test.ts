import { describe, expect, it } from 'vitest';
import { findFlags, looksPersonal, type FlagInput } from '../../../src/operations/database-export/flags.js';
import { effectFlags, grewSince } from '../../../src/operations/database-export/effect.js';
import { flagSchema, type Preview } from '../../../src/core/schemas/action.js';

const NOON_UTC_MS = Date.UTC(2026, 10, 18, 12, 0);

function relation(
  name: string,
  columns: { name: string; comment: string | null }[],
): FlagInput['inspection']['touched'][number] {
  return {
    relation: { oid: '1', schema: 'public', name, direct: true, columns },
    columns: columns.map((column) => column.name),
  };
}

const QUIET: FlagInput = {
  inspection: {
    touched: [relation('orders', [{ name: 'id', comment: null }])],
    unfiltered: [],
    hasStar: false,
    estimate: { rows: 10, bytes: 100 },
  },
  target: { name: 'orders', environment: 'staging', hours: { timeZone: 'UTC', from: 8, to: 18 } },
  pastExports: 3,
  nowMs: NOON_UTC_MS,
};
const email = relation('customers', [{ name: 'email', comment: null }]);

function inspection(changes: Partial<FlagInput['inspection']>): Partial<FlagInput> {
  return { inspection: { ...QUIET.inspection, ...changes } };
}

describe('flags of database.export', () => {
  it.each<[string, Partial<FlagInput>, string[]]>([
    ['nothing unusual', {}, []],
    ['personal data', inspection({ touched: [email] }), ['personal_data:high']],
    [
      'much personal data',
      inspection({ touched: [email], estimate: { rows: 100_000, bytes: 1 } }),
      ['personal_data:critical', 'volume:medium'],
    ],
    [
      'personal data by comment',
      inspection({ touched: [relation('t', [{ name: 'x', comment: 'PII: shoe size' }])] }),
      ['personal_data:high'],
    ],
    ['an unread personal column', inspection({ touched: [{ ...email, columns: [] }] }), []],
    ['no condition', inspection({ unfiltered: ['orders'] }), ['no_where:medium']],
    [
      'no condition, many rows',
      inspection({ unfiltered: ['orders'], estimate: { rows: 100_000, bytes: 1 } }),
      ['no_where:high', 'volume:medium'],
    ],
    ['just below many rows', inspection({ estimate: { rows: 99_999, bytes: 1 } }), []],
    ['very many rows', inspection({ estimate: { rows: 1_000_000, bytes: 1 } }), ['volume:high']],
    ['production', { target: { ...QUIET.target, environment: 'production' } }, ['production:medium']],
    ['the first time', { pastExports: 0 }, ['first_time:info']],
    ['a star', inspection({ hasStar: true }), ['select_star:low']],
    [
      'before hours elsewhere',
      { target: { ...QUIET.target, hours: { timeZone: 'America/Los_Angeles', from: 8, to: 18 } } },
      ['unusual_hour:medium'],
    ],
    ['the first minute', { nowMs: Date.UTC(2026, 10, 18, 8, 0) }, []],
    ['the first minute after', { nowMs: Date.UTC(2026, 10, 18, 18, 0) }, ['unusual_hour:medium']],
    [
      'a night shift',
      { target: { ...QUIET.target, hours: { timeZone: 'UTC', from: 22, to: 6 } } },
      ['unusual_hour:medium'],
    ],
    [
      'within a night shift',
      {
        nowMs: Date.UTC(2026, 10, 18, 23, 0),
        target: { ...QUIET.target, hours: { timeZone: 'UTC', from: 22, to: 6 } },
      },
      [],
    ],
  ])('%s', (_, changes, expected) => {
    const flags = findFlags({ ...QUIET, ...changes });
    expect(flags.map(({ code, severity }) => `${code}:${severity}`)).toEqual(expected);
    for (const flag of flags) expect(flagSchema.safeParse(flag).success).toBe(true);
  });
});

describe('names of personal data', () => {
  it.each([
    ['email', true],
    ['E_MAIL', true],
    ['customerEmail', true],
    ['phone_number', true],
    ['first_name', true],
    ['iban', true],
    ['birth_date', true],
    ['home_address', true],
    ['api_key', true],
    ['password_hash', true],
    ['zip', true],
    ['client_ip', true],
    ['id', false],
    ['total', false],
    ['emailed_at_count', false],
    ['shipping', false],
    ['company', false],
    ['created_at', false],
  ])('%s looks personal: %s', (name, expected) => {
    expect(looksPersonal(name, null)).toBe(expected);
  });

  it('keeps sentences short and shows invisible characters of names', () => {
    const many = relation(
      't',
      Array.from({ length: 200 }, (_, index) => ({ name: `email_${String(index)}\u202e`, comment: null })),
    );
    const [flag] = findFlags({ ...QUIET, ...inspection({ touched: [many] }) });
    expect(flag?.sentence).toMatch(/email_0\\u\{202e\}.* and 1\d\d more\.$/);
    expect(flagSchema.safeParse(flag).success).toBe(true);
  });
});

function previewOf(rows: number): Preview {
  return {
    summary: '',
    facts: [],
    content: { language: 'sql', text: '' },
    fingerprint: '0'.repeat(64),
    estimate: { rows, bytes: 0 },
  };
}

describe('the effect of database.export', () => {
  it.each([
    [100, 10_100, false],
    [100, 10_101, true],
    [20_000, 40_000, false],
    [20_000, 40_001, true],
    [100, 5, false],
  ])('estimate %i, then %i: grew %s', (approved, now, grew) => {
    expect(grewSince(previewOf(approved), previewOf(now)) !== null).toBe(grew);
  });

  it.each([
    [0, 10_000, []],
    [0, 10_001, ['high']],
    [2_000, 12_000, []],
    [2_000, 12_001, ['medium']],
    [2_000, 20_000, ['medium']],
    [2_000, 20_001, ['high']],
    [20_000, 40_000, []],
    [20_000, 40_001, ['medium']],
    [20_000, 5, []],
  ])('estimate %i, exported %i: findings %j', (estimate, rows, severities) => {
    expect(effectFlags(previewOf(estimate), { rows }).map(({ severity }) => severity)).toEqual(severities);
  });

  it('says what was declared and what was observed', () => {
    expect(effectFlags(previewOf(1), { rows: 20_000 })[0]?.sentence).toBe(
      '20,000 rows were exported; the preview had said about 1.',
    );
  });

  it('takes a missing number for too large', () => {
    expect(effectFlags(previewOf(5), {})).toHaveLength(1);
    expect(grewSince(previewOf(5), { ...previewOf(5), estimate: {} })).not.toBeNull();
  });
});
