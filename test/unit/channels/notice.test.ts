import { describe, expect, it } from 'vitest';
import { isNews, noticeOfAlarm, noticeOfFreeze, type Notice } from '../../../src/channels/message/notice.js';
import { noticeContent as slackContent } from '../../../src/channels/slack/contents.js';
import { noticeContent as teamsContent } from '../../../src/channels/teams/contents.js';
import { findBlockFault } from '../../fakes/slack/block-kit.js';
import { faultsOf } from '../../fakes/teams/card-faults.js';
import { objectsIn, textOf } from '../../fakes/teams/fake-teams.js';
import { alarm, cleared, freeze, frozenForEffect, lifted, NOTICED_AT_MS } from '../rendering/notices.js';
import { directory, HOSTILE, PUBLIC_URL } from '../slack/views.js';

const context = { directory, publicUrl: PUBLIC_URL };
const DAY_MS = 86_400_000;

describe('a notice', () => {
  it.each<[string, Notice]>([
    ['of an alarm that stops approvals', noticeOfAlarm(alarm, context)],
    [
      'of one that does not',
      noticeOfAlarm({ ...alarm, body: { ...alarm.body, severity: 'high', stopsApprovals: false } }, context),
    ],
    ['of one that was cleared', noticeOfAlarm(cleared, context)],
    ['of a freeze by a person', noticeOfFreeze(freeze, context)],
    ['of everything frozen', noticeOfFreeze({ ...freeze, scope: { kind: 'all' } }, context)],
    ['of a freeze by the executor', noticeOfFreeze(frozenForEffect, context)],
    ['of a freeze that was lifted', noticeOfFreeze(lifted, context)],
  ])('%s is as before in Slack and Teams, and valid', async (_name, notice) => {
    const inSlack = await slackContent(notice).render();
    const inTeams = await teamsContent(notice).render();
    expect(findBlockFault(inSlack.blocks, 'message')).toBeNull();
    expect(faultsOf(inTeams.card)).toEqual([]);
    expect({ slack: inSlack, teams: textOf(inTeams.card) }).toMatchSnapshot();
    expect(objectsIn(inTeams.card).filter(({ type }) => type === 'Action.Execute')).toEqual([]);
  });

  it('of the longest text, hostile besides, shows it as text, and fits', async () => {
    const hostile = HOSTILE.repeat(20);
    const body = { ...alarm.body, sentence: hostile.slice(0, 1_000) };
    const by = cleared.cleared;
    if (by === null) throw new Error('it is cleared');
    const notices = [
      noticeOfAlarm({ ...cleared, body, cleared: { ...by, reason: hostile.slice(0, 2_000) } }, context),
      noticeOfFreeze({ ...freeze, reason: '\u202E'.repeat(2_000) }, context),
    ];
    for (const notice of notices) {
      const { blocks } = await slackContent(notice).render();
      const { card } = await teamsContent(notice).render();
      expect(findBlockFault(blocks, 'message')).toBeNull();
      expect(faultsOf(card)).toEqual([]);
      expect(JSON.stringify([blocks, card])).not.toMatch(/[\u202E\u200B]/);
      expect(objectsIn(card).filter(({ type }) => type === 'TextBlock')).toEqual([]);
      const mrkdwn = objectsIn(blocks).flatMap(({ type, text }) => (type === 'mrkdwn' ? [String(text)] : []));
      expect(mrkdwn.join()).not.toContain('evil.example');
    }
  });

  it('is news while it stands, and for a day after', () => {
    expect(isNews(noticeOfAlarm(alarm, context), NOTICED_AT_MS + 30 * DAY_MS)).toBe(true);
    expect(isNews(noticeOfAlarm(cleared, context), NOTICED_AT_MS)).toBe(true);
    expect(isNews(noticeOfFreeze(lifted, context), NOTICED_AT_MS + DAY_MS)).toBe(false);
  });
});
