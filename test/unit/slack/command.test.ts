import { describe, expect, it } from 'vitest';
import type { Admission, GuardFault } from '../../../src/channels/slack/guard.js';
import { makeGuard, request } from './signed-requests.js';
import { slackIds } from './views.js';

describe('a slash command', () => {
  const fields = { command: '/countersign', team_id: slackIds.teamId, api_app_id: slackIds.appId, user_id: 'U0ADA' };
  const admitFields = (over: Record<string, string>, more = ''): Admission =>
    makeGuard().admitCommand(request({ body: `${new URLSearchParams({ ...fields, ...over }).toString()}${more}` }));

  it('is admitted as the user that Slack signed', () => {
    const user = { teamId: slackIds.teamId, userId: 'U0ADA' };
    expect(admitFields({})).toEqual({ ok: true, interaction: { kind: 'command', user } });
  });

  it('of another name is nothing of ours', () => {
    expect(admitFields({ command: '/other' })).toEqual({ ok: true, interaction: { kind: 'ignored' } });
  });

  it.each<[string, Admission, GuardFault]>([
    ['twice the same field', admitFields({}, '&user_id=U0OTHER'), 'payload_repeated'],
    ['no user', admitFields({ user_id: '' }), 'payload_malformed'],
    ['a click as its body', makeGuard().admitCommand(request({})), 'payload_malformed'],
    ['another workspace', admitFields({ team_id: 'T0OTHER' }), 'team_not_allowed'],
    ['another app', admitFields({ api_app_id: 'A0OTHER' }), 'app_not_allowed'],
    [
      'another signature',
      makeGuard().admitCommand(request({ signature: `v0=${'0'.repeat(64)}` })),
      'signature_invalid',
    ],
  ])('with %s is turned away', (_name, admission, fault) => {
    expect(admission).toEqual({ ok: false, fault });
  });

  it('cannot be sent again as a click', () => {
    const guard = makeGuard();
    const sent = request({ body: new URLSearchParams(fields).toString() });
    expect(guard.admitCommand(sent)).toMatchObject({ ok: true });
    expect(guard.admit(sent)).toEqual({ ok: false, fault: 'replayed' });
  });
});
