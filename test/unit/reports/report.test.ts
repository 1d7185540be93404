import { describe, expect, it } from 'vitest';
import type { Envelope } from '../../../src/core/dsse.js';
import { Refusal } from '../../../src/core/errors.js';
import { gatherRows, type ReportSource } from '../../../src/reports/gather.js';
import { CSV_COLUMNS, renderCsv } from '../../../src/reports/render-csv.js';
import { renderHtml } from '../../../src/reports/render-html.js';
import { buildReport, type Report } from '../../../src/reports/report.js';
import { idOf, keys, signedAction, verifying, type Story } from '../../support/signed-action.js';
import { seal } from '../../../src/core/dsse.js';

const FROM_MS = Date.UTC(2026, 10, 1);
const TO_MS = Date.UTC(2026, 11, 1);
const DAY_MS = 86_400_000;

/** A gateway that holds these, and lists a few at a time. */
function sourceOf(held: ReadonlyMap<string, Envelope[] | Refusal>): ReportSource {
  return {
    async statementsBefore(before) {
      const ids = [...held.keys()]
        .sort()
        .reverse()
        .filter((id) => id < before);
      const page = ids.slice(0, 3);
      return {
        actions: page.flatMap((actionId) => {
          const statements = held.get(actionId);
          return statements === undefined || statements instanceof Refusal ? [] : [{ actionId, statements }];
        }),
        unreadable: page.filter((id) => held.get(id) instanceof Refusal),
        next: page.length < 3 ? null : (page.at(-1) ?? null),
      };
    },
  };
}

async function reportOf(held: ReadonlyMap<string, Envelope[] | Refusal>): Promise<Report> {
  const nowMs = TO_MS + DAY_MS;
  const rows = await gatherRows(sourceOf(held), { ...verifying, fromMs: FROM_MS, toMs: TO_MS, nowMs });
  return buildReport(rows, { fromMs: FROM_MS, toMs: TO_MS, generatedAtMs: nowMs });
}

async function held(...stories: Story[]): Promise<Map<string, Envelope[] | Refusal>> {
  return new Map(await Promise.all(stories.map(async (story) => [idOf(story), await signedAction(story)] as const)));
}

const noon = FROM_MS + 10 * DAY_MS + DAY_MS / 2;
const approved: Story = {
  number: 1,
  requestedAtMs: noon,
  decisions: [{ person: 'ben', afterMs: 91_000 }],
  startedAfterMs: 95_000,
  revokedAfterMs: 98_000,
};

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

const HOUR_MS = 3_600_000;
const broken: Story = {
  number: 50,
  requestedAtMs: noon,
  summary: 'Export of 1 table from orders',
  plan: {
    stages: [
      { group: 'data-owner', quorum: 1 },
      { group: 'dba', quorum: 1 },
    ],
    breakGlass: { stages: [{ group: 'sre', quorum: 2 }], leaseTtlSeconds: 300, reviewWithinMs: DAY_MS },
  },
  decisions: [
    { person: 'erin', afterMs: 3_000, groups: ['sre'], breakGlass: true, reason: 'The shop is down.' },
    { person: 'ulla', afterMs: 4_000, groups: ['sre'], breakGlass: true, reason: 'Nobody of dba answers.' },
  ],
  glass: { by: ['erin', 'ulla'], afterMs: 5_000, dueAfterMs: 5_000 + DAY_MS },
  startedAfterMs: 6_000,
  revokedAfterMs: 9_000,
};

describe('a broken glass', () => {
  it('is told with who, why, what ran, what its reviewers found, and when that was paid', async () => {
    const story: Story = {
      ...broken,
      retrospectives: [
        { person: 'ben', groups: ['dba'], verdict: 'justified', afterMs: 5_000 + HOUR_MS },
        { person: 'dora', groups: ['data-owner'], verdict: 'unjustified', afterMs: 5_000 + 2 * HOUR_MS },
        { person: 'carol', groups: ['dba'], verdict: 'justified', afterMs: 5_000 + 3 * HOUR_MS },
      ],
    };
    const report = await reportOf(await held(story, approved));
    expect(report.breakGlass).toMatchObject([
      {
        actionId: idOf(story),
        operation: 'database.export',
        target: 'orders',
        outcome: 'succeeded',
        by: [
          { person: 'erin', reason: 'The shop is down.' },
          { person: 'ulla', reason: 'Nobody of dba answers.' },
        ],
        brokenAtMs: noon + 5_000,
        dueAtMs: noon + 5_000 + DAY_MS,
        retrospectives: [{ person: 'ben' }, { person: 'dora', verdict: 'unjustified' }, { person: 'carol' }],
        open: [],
        timeToPayMs: 2 * HOUR_MS,
        overdue: false,
      },
    ]);
    expect(report.totals).toMatchObject({ ran: 2, brokenGlass: 1, verified: 2 });
    expect(report.people.map(({ person }) => person)).toEqual(['ben']);
    const html = renderHtml(report, { source: 'https://gateway.example' });
    for (const words of ['The shop is down.', 'not justified', 'paid after 2 h', '; the glass was broken'])
      expect(html).toContain(words);
    const [head = '', ...lines] = renderCsv(report).split('\r\n');
    expect(head).toContain('"glass_broken_by"');
    expect(lines.join('\n')).toContain('"erin; ulla","The shop is down.; Nobody of dba answers."');
    expect(lines.join('\n')).toContain(`"${String((2 * HOUR_MS) / 1_000)}","false"`);
  });

  const dues: [what: string, paidAfterMs: number | null, overdue: boolean, says: string][] = [
    ['paid in time', DAY_MS, false, 'paid after 1 d'],
    ['paid late', DAY_MS + HOUR_MS, true, '1 h late'],
    ['not paid', null, true, 'owed, overdue'],
  ];
  it.each(dues)('%s', async (_what, paidAfterMs, overdue, says) => {
    const paid =
      paidAfterMs === null
        ? []
        : [
            {
              person: 'ben',
              groups: ['data-owner', 'dba'],
              verdict: 'justified' as const,
              afterMs: 5_000 + paidAfterMs,
            },
          ];
    const report = await reportOf(await held({ ...broken, retrospectives: paid }));
    expect(report.breakGlass).toMatchObject([{ overdue, open: paidAfterMs === null ? ['data-owner', 'dba'] : [] }]);
    expect(report.separationOfDuties.contradicted).toEqual([]);
    expect(renderHtml(report, { source: 'https://gateway.example' })).toContain(says);
  });

  it('of an earlier period is told for as long as it is owed', async () => {
    const before = { ...broken, requestedAtMs: FROM_MS - 2 * DAY_MS };
    const review = { person: 'ben', groups: ['data-owner', 'dba'], verdict: 'justified' as const };
    const tellings: [Story, number][] = [
      [before, 1],
      [{ ...before, retrospectives: [{ ...review, afterMs: 3 * DAY_MS }] }, 1],
      [{ ...before, retrospectives: [{ ...review, afterMs: DAY_MS }] }, 0],
    ];
    for (const [story, count] of tellings) {
      const { breakGlass, actions } = await reportOf(await held(story));
      expect([breakGlass.length, actions.length]).toEqual([count, 0]);
    }
  });

  const lies: [what: string, fault: RegExp, story: Story][] = [
    ['by too few people', /its plan was filled/, { ...broken, decisions: (broken.decisions ?? []).slice(0, 1) }],
    [
      'where its plan offers none',
      /its plan was filled/,
      { ...broken, plan: { stages: [{ group: 'dba', quorum: 1 }] } },
    ],
    [
      'by approvals that do not say so',
      /its plan was filled/,
      { ...broken, decisions: (broken.decisions ?? []).map(({ breakGlass: _unsaid, ...decision }) => decision) },
    ],
    [
      'by others than the executor says',
      /by people of whom no decision here says so/,
      { ...broken, glass: { by: ['erin', 'zoe'], afterMs: 5_000, dueAfterMs: 6_000 } },
    ],
    [
      'reviewed by one who broke it',
      /erin reviewed a broken glass without a say in it/,
      {
        ...broken,
        retrospectives: [{ person: 'erin', groups: ['data-owner', 'dba'], verdict: 'justified', afterMs: HOUR_MS }],
      },
    ],
    [
      'reviewed, and never broken',
      /ben reviewed a broken glass that nobody broke/,
      {
        ...approved,
        retrospectives: [{ person: 'ben', groups: ['dba'], verdict: 'justified', afterMs: HOUR_MS }],
      },
    ],
  ];
  it.each(lies)('%s does not hold', async (_what, fault, story) => {
    const { separationOfDuties } = await reportOf(await held(story));
    expect(separationOfDuties.contradicted[0]?.faults.join('\n')).toMatch(fault);
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
