import { describe, expect, it } from 'vitest';
import { renderCsv } from '../../../src/reports/render-csv.js';
import { renderHtml } from '../../../src/reports/render-html.js';
import { approved, broken, DAY_MS, FROM_MS, held, noon, reportOf } from './reporting.js';
import { idOf, type Story } from '../../support/signed-action.js';

const HOUR_MS = 3_600_000;

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

  it('is told apart from what people approved where the page shows how actions ended', async () => {
    const html = renderHtml(await reportOf(await held(broken, approved)), { source: 'https://gateway.example' });
    const told = [...html.matchAll(/<title>[\d-]+: ([^<]+)<\/title>/g)].map(([, words]) => words);
    expect(told).toEqual(expect.arrayContaining(['1 ran, approved by people', '1 ran, the glass broken']));
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
    [
      'by too few people',
      /by people of whom no decision here says so/,
      { ...broken, decisions: (broken.decisions ?? []).slice(0, 1) },
    ],
    [
      'where its plan offers none',
      /by people of whom no decision here says so/,
      { ...broken, plan: { stages: [{ group: 'dba', quorum: 1 }] } },
    ],
    [
      'by approvals that do not say so',
      /by people of whom no decision here says so/,
      {
        ...broken,
        decisions: (broken.decisions ?? []).map(({ person, afterMs }) => ({ person, afterMs, groups: ['sre'] })),
      },
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
