import { describe, expect, it } from 'vitest';
import type { AnnouncementEvent } from '../../../src/contracts/activities.js';
import { BLOCK_LIMITS } from '../../../src/channels/slack/blocks.js';
import { dueLines } from '../../../src/channels/slack/history.js';
import type { ActionView } from '../../../src/record/action-view.js';
import { NOBODY_ON_CALL } from '../../fakes/slack/slack-gateway.js';
import { directory, doneView, glassView, HOSTILE, slackIds } from './views.js';

describe('the thread of a broken glass', () => {
  const linesOf = async (view: ActionView, event: AnnouncementEvent, number = 0): Promise<[string, string][]> => {
    const context = { directory, teamId: slackIds.teamId, onCall: NOBODY_ON_CALL, event, number, reminds: false };
    const due = dueLines(view, context).filter(({ slot }) => slot.startsWith('glass/'));
    for (const { isForEach } of due) expect(isForEach).toBe(true);
    return Promise.all(due.map(async ({ slot, words }): Promise<[string, string]> => [slot, await words()]));
  };

  it('tells nothing while it is whole', async () => {
    expect(await linesOf(glassView('offered'), 'decided')).toEqual([]);
    expect(await linesOf(doneView(), 'concluded')).toEqual([]);
  });

  it('tells who broke it, and calls on those who review it; once', async () => {
    const [told, ...more] = await linesOf(glassView('broken'), 'glass_broken');
    expect(more).toEqual([]);
    expect(told?.[0]).toBe('glass/1');
    expect(told?.[1]).toMatch(
      /^The glass was broken by Di Oncall and Eve Without Slack: it runs without .*dba review that, within 1d/,
    );
    expect(told?.[1]).toMatch(/<@U0ADA> <@U0BO>$/);
    expect((await linesOf(glassView('owed'), 'concluded')).map(([slot]) => slot)).toEqual(['glass/1']);
  });

  it('reminds, says that it is late, each time anew, and that it was reviewed', async () => {
    const owed = glassView('owed');
    const last = async (view: ActionView, event: AnnouncementEvent, number: number) =>
      (await linesOf(view, event, number)).at(-1);
    expect(await last(owed, 'debt_reminded', 1)).toEqual([
      'glass/reminder/1',
      expect.stringMatching(/^Reminder: .*by dba, due .*nobody breaks the glass again\.$/),
    ]);
    expect(await last(owed, 'debt_overdue', 4)).toEqual([
      'glass/overdue/4',
      expect.stringMatching(/^Overdue: .*<@U0ADA> <@U0BO>$/),
    ]);
    expect(await last(glassView('paid'), 'debt_paid', 0)).toEqual([
      'glass/paid',
      'The broken glass was reviewed: Ada Fischer found it not justified.',
    ]);
  });

  it('stays within a line, and nothing in it comes alive', async () => {
    for (const reason of [HOSTILE, '&'.repeat(2_000), '🙂'.repeat(1_000)])
      for (const state of ['broken', 'owed', 'paid'] as const)
        for (const [, words] of await linesOf(glassView(state, reason), 'debt_overdue')) {
          expect(words.length).toBeLessThanOrEqual(BLOCK_LIMITS.textChars);
          expect(words).not.toMatch(/channel|evil|tada|&amp;|\u202E/);
        }
  });
});
