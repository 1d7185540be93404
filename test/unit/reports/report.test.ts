import { describe, expect, it } from 'vitest';
import type { Envelope } from '../../../src/core/dsse.js';
import { Refusal } from '../../../src/core/errors.js';
import { CSV_COLUMNS, renderCsv } from '../../../src/reports/render-csv.js';
import { renderHtml } from '../../../src/reports/render-html.js';
import { approved, broken, DAY_MS, FROM_MS, held, noon, reportOf, TO_MS } from './reporting.js';
import { idOf, keys, signedAction } from '../../support/signed-action.js';
import { seal } from '../../../src/core/dsse.js';

describe('a row', () => {
  it('tells who, what, when, under which policy, with which proof, out of signed statements', async () => {
    const { actions } = await reportOf(await held(approved));
    expect(actions).toMatchObject([
      {
        actionId: idOf(approved),
        agent: 'export-bot',
        owners: ['olivia'],
        operation: 'database.export',
        target: 'orders',
        required: '1 of dba',
        automatic: false,
        approvers: ['ben'],
        policyNumber: 3,
        timeToDecideMs: 90_000,
        outcome: 'succeeded',
        leases: [{ username: 'v-export-1', proofs: 1, overdue: false }],
        verified: true,
        faults: [],
      },
    ]);
  });

  it('belongs to the period in which it ended, whatever its agent dated it', async () => {
    const before = { ...approved, number: 2, requestedAtMs: FROM_MS - 3_600_000, concludedAfterMs: 1_800_000 };
    const across = { ...approved, number: 3, requestedAtMs: FROM_MS - 14 * DAY_MS, concludedAfterMs: 15 * DAY_MS };
    const after = { ...approved, number: 4, requestedAtMs: TO_MS - 60_000, concludedAfterMs: 60_000 };
    const open = { ...approved, number: 5, requestedAtMs: noon, outcome: null };
    const later = { ...approved, number: 6, requestedAtMs: TO_MS + 30_000, outcome: null };
    const { actions, totals } = await reportOf(await held(before, across, after, open, later, approved));
    expect(actions.map(({ actionId, outcome }) => [actionId, outcome])).toEqual([
      [idOf(open), 'open'],
      [idOf(approved), 'succeeded'],
      [idOf(across), 'succeeded'],
    ]);
    expect(totals.byOutcome).toEqual({ open: 1, succeeded: 2 });
  });
});

describe('what stands out', () => {
  it('an attempt to approve one’s own that was refused', async () => {
    const message = 'You may not decide on this: owns agent export-bot.';
    const { separationOfDuties } = await reportOf(
      await held({ ...approved, refusals: [{ code: 'self_approval', who: 'person/olivia', message }] }),
    );
    expect(separationOfDuties).toMatchObject({
      refusedAttempts: [{ who: 'person/olivia', message }],
      contradicted: [],
    });
  });

  const lies: [what: string, fault: RegExp, tell: () => Promise<Envelope[] | Refusal>][] = [
    [
      'the owner’s approval',
      /olivia approved it, whom its plan bars: owns/,
      async () => signedAction({ ...approved, decisions: [{ person: 'olivia', afterMs: 5_000 }] }),
    ],
    [
      'too few people',
      /its plan was filled/,
      async () => signedAction({ ...approved, plan: { stages: [{ group: 'dba', quorum: 2 }] } }),
    ],
    ['nobody’s approval', /its plan was filled/, async () => signedAction({ ...approved, decisions: [] })],
    [
      'a decision that the worker signed',
      /is not valid/,
      async () => {
        const statements = await signedAction(approved);
        return Promise.all(
          statements.map(async (envelope) => {
            const payload = JSON.parse(Buffer.from(envelope.payload, 'base64').toString()) as { predicateType: string };
            if (!payload.predicateType.endsWith('/decision/v1')) return envelope;
            const [forged] = await seal([payload], keys.worker.signer);
            return forged ?? envelope;
          }),
        );
      },
    ],
    [
      'a statement that the receipt lists and nobody hands out',
      /not handed out/,
      async () => (await signedAction(approved)).filter((_, index) => index !== 1),
    ],
    [
      'an effect that does not verify, as if nothing had run',
      /is not valid/,
      async () =>
        (await signedAction(approved)).map((envelope) => {
          const text = Buffer.from(envelope.payload, 'base64').toString();
          const changed = text.includes('/effect/v1') ? text.replace('"attempt":1', '"attempt":2') : text;
          return { ...envelope, payload: Buffer.from(changed).toString('base64') };
        }),
    ],
    [
      'what the gateway itself does not take',
      /does not hand it out/,
      async () => new Refusal('statement_invalid', 'The record was tampered with.'),
    ],
  ];
  it.each(lies)('%s', async (_what, fault, tell) => {
    const { separationOfDuties, totals } = await reportOf(new Map([[idOf(approved), await tell()]]));
    expect(separationOfDuties.contradicted).toHaveLength(1);
    expect(separationOfDuties.contradicted[0]?.faults.join('\n')).toMatch(fault);
    expect(totals.verified).toBe(0);
  });

  it('is not what still runs', async () => {
    const running = { ...approved, requestedAtMs: TO_MS - 200_000, revokedAfterMs: null, outcome: null };
    const { separationOfDuties, actions } = await reportOf(await held(running));
    expect(actions).toMatchObject([{ outcome: 'open', verified: false }]);
    expect(separationOfDuties.contradicted).toEqual([]);
  });

  const revocations: [what: string, revokedAfterMs: number | null, overdue: boolean][] = [
    ['at once', 98_000, false],
    ['within a minute of the end', 95_000 + 2_000 + 59_000, false],
    ['more than a minute after the end', 95_000 + 2_000 + 61_000, true],
    ['never', null, true],
  ];
  it.each(revocations)('a credential that was proven gone %s', async (_what, revokedAfterMs, overdue) => {
    const { overdueRevocations } = await reportOf(await held({ ...approved, revokedAfterMs }));
    expect(overdueRevocations).toHaveLength(overdue ? 1 : 0);
  });

  const habits: [what: string, decisions: { afterMs: number; decision: 'approve' | 'deny' }[], stamp: boolean][] = [
    ['five quick approvals', Array.from({ length: 5 }, () => ({ afterMs: 4_000, decision: 'approve' })), true],
    ['four quick approvals', Array.from({ length: 4 }, () => ({ afterMs: 4_000, decision: 'approve' })), false],
    [
      'five approvals after reading',
      Array.from({ length: 5 }, () => ({ afterMs: 90_000, decision: 'approve' })),
      false,
    ],
    [
      'quick, but one no in six',
      Array.from({ length: 6 }, (_, index) => ({ afterMs: 4_000, decision: index === 0 ? 'deny' : 'approve' })),
      false,
    ],
  ];
  it.each(habits)('of a person: %s', async (_what, decisions, stamp) => {
    const stories = decisions.map((decision, index) => ({
      ...approved,
      number: 10 + index,
      requestedAtMs: noon + index,
      decisions: [{ person: 'ben', ...decision }],
      startedAfterMs: null,
    }));
    const { people } = await reportOf(await held(...stories));
    expect(people).toMatchObject([{ person: 'ben', decisions: decisions.length, looksLikeRubberStamp: stamp }]);
  });
});

describe('as CSV', () => {
  it('has one line for each action, and nothing in it acts in a spreadsheet', async () => {
    const evil = ['=HYPERLINK("http://evil.example","x")', '+1', '-1', '@SUM(A1)', '\t=1', '\n=1', ' =1', '"=1', '＝1'];
    const stories = evil.map((reason, index) => ({
      ...approved,
      number: 30 + index,
      requestedAtMs: noon + index,
      reason,
    }));
    const lines = renderCsv(await reportOf(await held(...stories))).split('\r\n');
    expect(lines[0]).toBe(CSV_COLUMNS.map((name) => `"${name}"`).join(','));
    expect(lines).toHaveLength(evil.length + 2);
    const reason = CSV_COLUMNS.indexOf('reason');
    for (const line of lines.slice(1, -1)) {
      const cells = [...line.matchAll(/"((?:[^"]|"")*)"(?:,|$)/g)].map(([, cell = '']) => cell.replaceAll('""', '"'));
      expect(cells).toHaveLength(CSV_COLUMNS.length);
      expect(cells[reason]).toMatch(/^('|⟨U\+000[9A]⟩)/);
    }
  });
});

describe('as a page', () => {
  it('runs nothing and fetches nothing, whatever agents and people are called', async () => {
    const markup = '</td><script>alert(1)</script><img src=x onerror=alert(1)>\u202E" onload="x';
    const html = renderHtml(
      await reportOf(
        await held(
          {
            ...approved,
            summary: markup,
            decisions: [{ person: 'ben', afterMs: 9_000 }],
            refusals: [{ code: 'self_approval', who: markup, message: markup }],
          },
          {
            ...broken,
            summary: markup,
            decisions: (broken.decisions ?? []).map((decision) => ({ ...decision, reason: markup })),
          },
        ),
      ),
      { source: markup },
    );
    expect(html).toContain("default-src 'none'; style-src 'unsafe-inline'");
    expect(html).not.toMatch(/<(script|img|link|iframe|object|a)\b/i);
    expect(html).not.toContain('\u202E');
    expect(html.match(/<[^>]*\son\w+=/g)).toBeNull();
    expect(html).toContain('&lt;script&gt;');
  });

  it('says that nothing stands out where nothing does', async () => {
    const html = renderHtml(await reportOf(new Map()), { source: 'https://gateway.example' });
    for (const sentence of [
      'There was no action.',
      'Every credential was proven gone in time.',
      'Nobody decided anything.',
      'Nobody broke the glass, and no review of that was owed.',
      'The evidence of every action holds.',
    ])
      expect(html).toContain(sentence);
  });
});
