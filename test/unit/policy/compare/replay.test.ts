import { beforeAll, describe, expect, it } from 'vitest';
import { Refusal } from '../../../../src/core/errors.js';
import { describeReplay } from '../../../../src/policy/compare/describe-comparison.js';
import type { ComparableBundle, RecordedRequest } from '../../../../src/policy/compare/comparison.js';
import { readRecordedRequests } from '../../../../src/policy/compare/recorded-requests.js';
import { replayRequests } from '../../../../src/policy/compare/replay-requests.js';
import type { AnyRecorded } from '../../../../src/record/record.js';
import type { Edit } from '../bundle-folders.js';
import { editedExample } from './comparable.js';

const edit = (file: string, from: string, to: string): Edit => ({ file, from, to });
const EXPORT = 'database-export.cedar';

function request(change: Partial<RecordedRequest> & { target?: RecordedRequest['target'] } = {}): RecordedRequest {
  return {
    actionId: '01M82BEDCBHPE39GJ5Q8ZMGYDJ',
    agent: 'export-bot',
    operation: 'database.export',
    target: { kind: 'postgres', name: 'orders', environment: 'production' },
    flags: [],
    tainted: false,
    summary: 'Export of 1 table from orders',
    requestedAtMs: Date.UTC(2026, 10, 22),
    outcome: 'succeeded',
    ...change,
  };
}

let example: ComparableBundle;
beforeAll(async () => {
  example = await editedExample([]);
}, 60_000);

describe('replaying recorded requests', { timeout: 60_000 }, () => {
  const staging = { kind: 'postgres', name: 'orders-staging', environment: 'staging' };
  const rows: [what: string, edits: Edit[], asked: Partial<RecordedRequest>, note: string | null][] = [
    ['the same bundle', [], {}, null],
    [
      'a looser rule',
      [
        edit(
          EXPORT,
          '@review("dba:1")\n@escalate("10m:dba-lead, 30m:security-oncall")\n@remind("5m")',
          '@review("none")',
        ),
      ],
      {},
      'needs 1 of dba; escalates to dba-lead after 10m, security-oncall after 30m; reminds after 5m; expires after 2h; lease 5m; an effect other than declared freezes the agent → automatic',
    ],
    [
      'an automatic rule that is reviewed now',
      [edit(EXPORT, '@review("none")', '@review("dba:1")')],
      { target: staging },
      'automatic → needs 1 of dba; expires after 1h; lease 5m',
    ],
    ['a rule for other flags', [edit(EXPORT, '"no_where", "volume"]', '"no_where"]')], { flags: [] }, null],
    [
      'a forbid that meets its flags',
      [edit(EXPORT, '"no_where", "volume"]', '"no_where"]')],
      {
        flags: [
          { code: 'personal_data', severity: 'high', sentence: '' },
          { code: 'no_where', severity: 'medium', sentence: '' },
        ],
      },
      'needs 1 of data-owner and 1 of dba; escalates to security-oncall after 30m; reminds after 5m; expires after 1h; lease 2m; an effect other than declared freezes the agent → refused (policy_forbids)',
    ],
    [
      'another member',
      [edit('directory.yaml', 'dba: [ben, carol, olivia-admin]', 'dba: [ben, gus, olivia-admin]')],
      {},
      'gus may approve it too; carol may not approve it any more',
    ],
    [
      'a target that is gone under its name',
      [edit('targets.yaml', 'name: orders\n', 'name: orders-2\n')],
      {},
      'refused (target_unknown)',
    ],
  ];
  it.each(rows)('%s', async (_what, edits, asked, note) => {
    const { differences, replayed, differing } = replayRequests(example, await editedExample(edits), [request(asked)]);
    expect([replayed, differing]).toEqual([1, note === null ? 0 : 1]);
    if (note !== null) expect(differences[0]?.note).toContain(note);
  });

  it('is never automatic for what was asked after untrusted input', async () => {
    const looser = await editedExample([
      edit(
        EXPORT,
        '@review("dba:1")\n@escalate("10m:dba-lead, 30m:security-oncall")\n@remind("5m")',
        '@review("none")',
      ),
    ]);
    const { differences } = replayRequests(example, looser, [request({ tainted: true })]);
    expect(differences[0]?.after).toMatchObject({ kind: 'refused', code: 'tainted_unreviewed' });
  });

  it('counts, and says so in plain lines', async () => {
    const after = await editedExample([edit(EXPORT, '@review("none")', '@review("dba:1")')]);
    const replay = replayRequests(example, after, [request(), request({ target: staging, outcome: null })]);
    expect(replay.counts).toEqual({
      before: { automatic: 1, reviewed: 1, refused: 0 },
      after: { automatic: 0, reviewed: 2, refused: 0 },
    });
    expect(describeReplay(replay).map(({ text }) => text)).toEqual([
      'Of 2 recorded requests, 1 would be answered otherwise',
      '  before: 1 reviewed, 1 automatic, 0 refused',
      '  after:  2 reviewed, 0 automatic, 0 refused',
      '  01M82BEDCBHPE39GJ5Q8ZMGYDJ  export-bot · database.export · orders-staging (staging)  open',
      '    Export of 1 table from orders',
      '    automatic → needs 1 of dba; expires after 1h; lease 5m',
    ]);
  });
});

describe('reading recorded requests', () => {
  /** As many statements as the reader looks at, of one action. */
  const statements = (actionId: string, kinds: readonly AnyRecorded['kind'][]): AnyRecorded[] => {
    const { agent, operation, target, summary } = request();
    const bodies = {
      request: { actionId, agent, operation, requestedAtMs: 7, tainted: true },
      preview: { target, flags: [{ code: 'volume', severity: 'low', sentence: 'Many.' }], preview: { summary } },
      receipt: { outcome: { status: 'denied' } },
    } as const;
    return kinds.map((kind) => ({ kind, body: bodies[kind as keyof typeof bodies] })) as unknown as AnyRecorded[];
  };

  it('takes what was previewed, newest first, page by page, and counts what does not verify', async () => {
    const all = Array.from({ length: 60 }, (_, index) => `A${String(60 - index).padStart(2, '0')}`);
    const pages: number[] = [];
    const record = {
      listActions: async ({ limit, before }: { limit: number; before?: string }) =>
        all.filter((id) => before === undefined || id < before).slice(0, limit),
      ofActions: async (ids: readonly string[]) => {
        pages.push(ids.length);
        return ids.map((id) => {
          if (id === 'A59') return new Refusal('statement_invalid', 'It does not verify.');
          return statements(id, id === 'A60' ? ['request'] : ['request', 'preview', 'receipt']);
        });
      },
    };
    const { requests, unreadable } = await readRecordedRequests(record, 55);
    expect([pages, requests.length, unreadable]).toEqual([[25, 25, 5], 53, 1]);
    expect(requests[0]).toMatchObject({ actionId: 'A58', tainted: true, outcome: 'denied', requestedAtMs: 7 });
    expect(requests[0]?.flags.map(({ code }) => code)).toEqual(['volume', 'untrusted_input']);
  });
});
