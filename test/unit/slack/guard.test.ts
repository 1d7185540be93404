import { describe, expect, it } from 'vitest';
import { GUARD_LIMITS, verifySignature, type Admission } from '../../../src/channels/slack/guard.js';
import { Secret } from '../../../src/core/secret.js';
import golden from '../../fakes/slack/golden-signatures.json' with { type: 'json' };
import { payloadForm, slackSignature } from '../../fakes/slack/signatures.js';
import { attacksFrom, pageClick } from './attacks.js';
import {
  admit,
  clickPayload,
  FORM,
  HONEST,
  makeGuard,
  NOW_SECONDS,
  request,
  signatureHeader,
  submitPayload,
  timestampHeader,
  withAction,
  withView,
  type Sent,
} from './signed-requests.js';
import { ACTION_DIGEST, ACTION_ID, slackIds } from './views.js';

describe('signatures', () => {
  it.each(golden)('agree with $source ($timestamp)', ({ signingSecret, timestamp, body, signature }) => {
    expect(slackSignature(signingSecret, timestamp, body)).toBe(signature);
    const sent = { rawHeaders: [timestampHeader, timestamp, signatureHeader, signature], body: Buffer.from(body) };
    expect(verifySignature(sent, new Secret(signingSecret), Number(timestamp) * 1000)).toEqual({ ok: true, signature });
  });
});

describe('an honest request is admitted', () => {
  it('a click', () => {
    expect(admit({})).toEqual({
      ok: true,
      interaction: {
        kind: 'approve',
        user: { teamId: slackIds.teamId, userId: 'U0ADA' },
        actionId: ACTION_ID,
        actionDigest: ACTION_DIGEST,
        conversation: slackIds.channel,
        messageTs: '1795348800.000001',
        clickTs: '1795348801.000002',
        triggerId: '1.2.3',
      },
    });
  });

  it('a submitted modal', () => {
    const user = { teamId: slackIds.teamId, userId: 'U0ADA' };
    expect(admit({ payload: submitPayload })).toEqual({
      ok: true,
      interaction: { kind: 'deny_submitted', user, viewId: 'V0VIEW', privateMetadata: '{}', reason: 'no' },
    });
  });

  it.each([
    ['the oldest timestamp', { timestamp: String(NOW_SECONDS - 300) }],
    ['the furthest timestamp', { timestamp: String(NOW_SECONDS + 300) }],
    ['a charset', { contentType: `${FORM}; charset=utf-8` }],
    [
      'a body of exactly 64 KiB',
      { body: payloadForm(clickPayload) + `&x=${'x'.repeat(65_536 - payloadForm(clickPayload).length - 3)}` },
    ],
  ])('with %s', (_name, sent: Sent) => {
    expect(admit(sent)).toMatchObject({ ok: true, interaction: { kind: 'approve' } });
  });

  it.each([
    ['an interaction of another type', { ...clickPayload, type: 'shortcut' }],
    ['an unknown button', withAction({ action_id: 'somebody_elses' })],
    ['a link button', withAction({ action_id: 'countersign_open', value: undefined })],
    ['another modal', withView({ callback_id: 'somebody_elses' })],
  ])('and ignored: %s', (_name, payload) => {
    expect(admit({ payload })).toEqual({ ok: true, interaction: { kind: 'ignored' } });
  });
});

describe('a click in the pages', () => {
  it('is admitted', () => {
    expect(admit({ payload: pageClick(clickPayload) })).toEqual({
      ok: true,
      interaction: {
        kind: 'page',
        button: 'approve',
        user: { teamId: slackIds.teamId, userId: 'U0ADA' },
        viewId: 'V0VIEW',
        viewHash: '1.hash',
        privateMetadata: '{}',
        clickTs: '1795348801.000002',
      },
    });
  });
});

describe('turned away:', () => {
  it.each(attacksFrom(HONEST))('%s is %s', (_name, fault, sent) => {
    expect(admit(sent)).toEqual({ ok: false, fault });
  });
});

describe('replay', () => {
  it('the same request is admitted once', () => {
    const guard = makeGuard();
    expect(guard.admit(request({}))).toMatchObject({ ok: true });
    expect(guard.admit(request({}))).toEqual({ ok: false, fault: 'replayed' });
  });

  it('a request stamped ahead of our clock stays refused until its timestamp is out of range', () => {
    let nowMs = NOW_SECONDS * 1000;
    const guard = makeGuard({ clock: () => nowMs });
    const ahead = request({ timestamp: String(NOW_SECONDS + 300) });
    expect(guard.admit(ahead)).toMatchObject({ ok: true });
    for (let afterSeconds = 50; afterSeconds <= 600; afterSeconds += 50) {
      nowMs = (NOW_SECONDS + afterSeconds) * 1000;
      expect(guard.admit(ahead)).toEqual({ ok: false, fault: 'replayed' });
    }
    nowMs = (NOW_SECONDS + 601) * 1000;
    expect(guard.admit(ahead)).toEqual({ ok: false, fault: 'timestamp_out_of_range' });
  });

  it('a full memory turns new requests away rather than forget one, and has room again after ten minutes', () => {
    let nowMs = NOW_SECONDS * 1000;
    const guard = makeGuard({ clock: () => nowMs, rememberedSignatures: 2 });
    const send = (trigger: string): Admission =>
      guard.admit(
        request({ payload: { ...clickPayload, trigger_id: trigger }, timestamp: String(Math.floor(nowMs / 1000)) }),
      );
    expect([send('a'), send('b')].every(({ ok }) => ok)).toBe(true);
    expect(send('c')).toEqual({ ok: false, fault: 'too_many_requests' });
    nowMs += GUARD_LIMITS.replayMemoryMs + 1;
    expect(send('d')).toMatchObject({ ok: true });
  });

  it('unsigned requests take no room', () => {
    const guard = makeGuard({ rememberedSignatures: 1 });
    for (let n = 0; n < 5; n += 1) guard.admit(request({ signature: `v0=${String(n).repeat(64)}` }));
    expect(guard.admit(request({}))).toMatchObject({ ok: true });
  });
});
