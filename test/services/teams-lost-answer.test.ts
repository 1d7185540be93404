import type pg from 'pg';
import { describe, expect, it } from 'vitest';
import { createMessageStore } from '../../src/channels/message/message-store.js';
import { textOf } from '../fakes/teams/fake-teams.js';
import { openTeamsForEach } from '../fakes/teams/each-gateway.js';
import type { TeamsGateway } from '../fakes/teams/teams-gateway.js';
import type { Card, FakeTeamsMessage } from '../fakes/teams/teams-state.js';
import { ACTION_ID, doneView } from '../unit/slack/views.js';
import { ADA, teamsIds } from '../unit/teams/views.js';

let pool: pg.Pool;
let gateway: TeamsGateway;
let message: FakeTeamsMessage;

openTeamsForEach(async (opened, itsPool) => {
  gateway = opened;
  pool = itsPool;
  message = await gateway.post();
});

/** What whoever clicked reads first. */
async function press(): Promise<string> {
  const answer = await gateway.teams.click(gateway.url, { message, button: 'approve', aadObjectId: ADA });
  const { value } = (await answer.json()) as { value: Card | string };
  return typeof value === 'string' ? value : (textOf(value).split('\n')[0] ?? '');
}

describe('a click on a message whose post got no answer', () => {
  const forget = (sql: string): Promise<unknown> =>
    pool.query(`update countersign.channel_messages set ${sql} where subject = $1`, [ACTION_ID]);

  it('counts, and that message is kept from now on', async () => {
    await forget("state = 'unclear', message_ts = null");
    expect(await press()).toContain('Your approval counts');
    expect(gateway.decided).toHaveLength(1);
    await gateway.channel.announce('concluded', doneView(), 0);
    const messages = gateway.teams.state.messages(teamsIds.channel).filter(({ thread }) => thread === null);
    expect(messages.map(({ card }) => textOf(card).split(':')[0])).toEqual(['✅ Done']);
  });

  it('counts when another was posted since; this one is taken out of use', async () => {
    const { id } = message;
    await forget("state = 'absent', message_ts = null");
    const kept = await gateway.post();
    expect(kept.id).not.toBe(id);
    expect(await press()).toContain('Your approval counts');
    expect(gateway.decided).toHaveLength(1);
    expect(textOf(gateway.teams.state.message(teamsIds.channel, id).card)).toContain('posted twice');
    const posted = await createMessageStore(pool).shown('teams', ACTION_ID, 'message');
    expect(posted).toMatchObject([{ ts: kept.id }]);
  });
});
