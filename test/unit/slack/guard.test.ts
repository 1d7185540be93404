import { describe, expect, it } from 'vitest';
import { GUARD_LIMITS, verifySignature, type Admission, type GuardFault } from '../../../src/channels/slack/guard.js';
import { Secret } from '../../../src/core/secret.js';
import golden from '../../fakes/slack/golden-signatures.json' with { type: 'json' };
import { payloadForm, slackSignature } from '../../fakes/slack/signatures.js';
import {
  SECRET,
  NOW_SECONDS,
  FORM,
  makeGuard,
  clickPayload,
  submitPayload,
  request,
  admit,
  withAction,
  withView,
  omit,
  signatureHeader,
  timestampHeader,
  clickAction,
  type Payload,
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

const pagePayload: Payload = {
  ...omit(omit(clickPayload, 'container'), 'channel'),
  container: { type: 'view', view_id: 'V0VIEW' },
  view: {
    id: 'V0VIEW',
    team_id: slackIds.teamId,
    app_id: slackIds.appId,
    callback_id: 'countersign_read_modal',
    hash: '1.hash',
    private_metadata: '{}',
  },
  actions: [{ type: 'button', action_id: 'countersign_read_approve', action_ts: '1795348801.000002' }],
};
const withPage = (over: Payload): Payload => ({
  ...pagePayload,
  view: { ...(pagePayload['view'] as Payload), ...over },
});

describe('a click in the pages', () => {
  it('is admitted', () => {
    expect(admit({ payload: pagePayload })).toEqual({
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

const attacks: [string, GuardFault, Sent][] = [
  ['no signature', 'header_missing', { without: [signatureHeader] }],
  ['no timestamp', 'header_missing', { without: [timestampHeader] }],
  ['a second signature', 'header_repeated', { more: ['x-slack-signature', `v0=${'0'.repeat(64)}`] }],
  [
    'the same signature twice',
    'header_repeated',
    { more: ['X-SLACK-SIGNATURE', slackSignature(SECRET, NOW_SECONDS, payloadForm(clickPayload))] },
  ],
  ['a second timestamp', 'header_repeated', { more: ['x-slack-request-timestamp', String(NOW_SECONDS)] }],
  ['a second content type', 'header_repeated', { more: ['content-type', FORM] }],
  [
    'another secret',
    'signature_invalid',
    { signature: slackSignature('f'.repeat(32), NOW_SECONDS, payloadForm(clickPayload)) },
  ],
  ['a signature of zeros', 'signature_invalid', { signature: `v0=${'0'.repeat(64)}` }],
  [
    'a v1 signature',
    'signature_malformed',
    { signature: slackSignature(SECRET, NOW_SECONDS, payloadForm(clickPayload)).replace('v0', 'v1') },
  ],
  [
    'no version',
    'signature_malformed',
    { signature: slackSignature(SECRET, NOW_SECONDS, payloadForm(clickPayload)).slice(3) },
  ],
  ['upper-case hex', 'signature_malformed', { signature: `v0=${'A'.repeat(64)}` }],
  ['a short signature', 'signature_malformed', { signature: 'v0=abcd' }],
  ['two signatures in one header', 'signature_malformed', { signature: `v0=${'0'.repeat(64)}, v0=${'1'.repeat(64)}` }],
  ['an empty signature', 'signature_malformed', { signature: '' }],
  [
    'an altered body',
    'signature_invalid',
    {
      body: payloadForm(withAction({ action_id: 'countersign_deny' })),
      signature: slackSignature(SECRET, NOW_SECONDS, payloadForm(clickPayload)),
    },
  ],
  [
    'an altered timestamp',
    'signature_invalid',
    { timestamp: String(NOW_SECONDS + 1), signature: slackSignature(SECRET, NOW_SECONDS, payloadForm(clickPayload)) },
  ],
  ['an old timestamp', 'timestamp_out_of_range', { timestamp: String(NOW_SECONDS - 301) }],
  ['a future timestamp', 'timestamp_out_of_range', { timestamp: String(NOW_SECONDS + 301) }],
  ['an hour ahead', 'timestamp_out_of_range', { timestamp: String(NOW_SECONDS + 3_600) }],
  ['a timestamp of milliseconds', 'timestamp_malformed', { timestamp: String(NOW_SECONDS * 1000) }],
  ['a fractional timestamp', 'timestamp_malformed', { timestamp: `${String(NOW_SECONDS)}.5` }],
  ['a hexadecimal timestamp', 'timestamp_malformed', { timestamp: `0x${NOW_SECONDS.toString(16)}` }],
  ['an exponent', 'timestamp_malformed', { timestamp: '1.795e9' }],
  ['a negative timestamp', 'timestamp_malformed', { timestamp: '-1' }],
  ['NaN', 'timestamp_malformed', { timestamp: 'NaN' }],
  ['a padded timestamp', 'timestamp_malformed', { timestamp: ` ${String(NOW_SECONDS)}` }],
  ['an empty timestamp', 'timestamp_malformed', { timestamp: '' }],
  ['a body over 64 KiB', 'body_too_large', { body: 'x'.repeat(65_537) }],
  ['JSON', 'content_type_unsupported', { contentType: 'application/json' }],
  ['no content type', 'content_type_unsupported', { contentType: null }],
  ['multipart', 'content_type_unsupported', { contentType: 'multipart/form-data; boundary=x' }],
  ['another charset', 'content_type_unsupported', { contentType: `${FORM}; charset=utf-7` }],
  ['bytes that are not UTF-8', 'body_not_utf8', { body: new Uint8Array([0x70, 0xff, 0xfe]) }],
  ['an empty body', 'payload_missing', { body: '' }],
  ['another parameter', 'payload_missing', { body: 'ssl_check=1' }],
  ['two payloads', 'payload_repeated', { body: `${payloadForm(clickPayload)}&${payloadForm(clickPayload)}` }],
  ['a second, encoded payload', 'payload_repeated', { body: `${payloadForm(clickPayload)}&%70ayload=%7B%7D` }],
  ['an empty payload', 'payload_malformed', { body: 'payload=' }],
  ...(['null', '[]', '[{}]', '"text"', '42', 'true', '{', '{}', '{"type":"block_actions"}'].map((payload) => [
    `payload ${payload}`,
    'payload_malformed',
    { payload },
  ]) as [string, GuardFault, Sent][]),
  ['no team', 'payload_malformed', { payload: omit(clickPayload, 'team') }],
  [
    'team null, as in an organisation-wide installation',
    'payload_malformed',
    { payload: { ...clickPayload, team: null } },
  ],
  ['no user', 'payload_malformed', { payload: omit(clickPayload, 'user') }],
  ['a user without id', 'payload_malformed', { payload: { ...clickPayload, user: { name: 'ada' } } }],
  ['a user id that is an object', 'payload_malformed', { payload: { ...clickPayload, user: { id: { $ne: '' } } } }],
  ['no app', 'payload_malformed', { payload: omit(clickPayload, 'api_app_id') }],
  ['another workspace', 'team_not_allowed', { payload: { ...clickPayload, team: { id: 'T0OTHER' } } }],
  [
    'a person of another workspace',
    'team_not_allowed',
    { payload: { ...clickPayload, user: { id: 'U0ADA', team_id: 'T0OTHER' } } },
  ],
  ['another app', 'app_not_allowed', { payload: { ...clickPayload, api_app_id: 'A0OTHER' } }],
  [
    'another workspace, ignored type',
    'team_not_allowed',
    { payload: { ...clickPayload, type: 'shortcut', team: { id: 'T0OTHER' } } },
  ],
  ['no actions', 'payload_malformed', { payload: { ...clickPayload, actions: [] } }],
  ['two actions', 'payload_malformed', { payload: { ...clickPayload, actions: [clickAction, clickAction] } }],
  [
    'ours hidden behind an unknown action',
    'payload_malformed',
    { payload: { ...clickPayload, actions: [{ action_id: 'x' }, clickAction] } },
  ],
  ['a select that calls itself approve', 'payload_malformed', { payload: withAction({ type: 'static_select' }) }],
  ['no value', 'payload_malformed', { payload: withAction({ value: undefined }) }],
  ['a value without digest', 'payload_malformed', { payload: withAction({ value: ACTION_ID }) }],
  ['a value with a path', 'payload_malformed', { payload: withAction({ value: `../${ACTION_ID}.${ACTION_DIGEST}` }) }],
  ['a value with more', 'payload_malformed', { payload: withAction({ value: `${ACTION_ID}.${ACTION_DIGEST}.x` }) }],
  [
    'a lower-case action id',
    'payload_malformed',
    { payload: withAction({ value: `${ACTION_ID.toLowerCase()}.${ACTION_DIGEST}` }) },
  ],
  [
    'a click in a modal',
    'payload_malformed',
    { payload: { ...clickPayload, container: { type: 'view', view_id: 'V1' } } },
  ],
  ['two different channels', 'payload_malformed', { payload: { ...clickPayload, channel: { id: 'C0OTHER' } } }],
  ['no trigger', 'payload_malformed', { payload: omit(clickPayload, 'trigger_id') }],
  ['pages of another app', 'app_not_allowed', { payload: withPage({ app_id: 'A0OTHER' }) }],
  ['pages of another workspace', 'team_not_allowed', { payload: withPage({ team_id: 'T0OTHER' }) }],
  ['pages in another modal', 'payload_malformed', { payload: withPage({ callback_id: 'countersign_deny_modal' }) }],
  ['pages that are another view', 'payload_malformed', { payload: withPage({ id: 'V0OTHER' }) }],
  [
    'pages turned from another workspace',
    'team_not_allowed',
    { payload: { ...pagePayload, user: { id: 'U0ADA', team_id: 'T0OTHER' } } },
  ],
  [
    'an approval of pages in a message',
    'payload_malformed',
    { payload: withAction({ action_id: 'countersign_read_approve' }) },
  ],
  ['a modal without state', 'payload_malformed', { payload: withView({ state: undefined }) }],
  [
    'a modal with oversized metadata',
    'payload_malformed',
    { payload: withView({ private_metadata: 'x'.repeat(3_001) }) },
  ],
  ['a modal of another app', 'app_not_allowed', { payload: withView({ app_id: 'A0OTHER' }) }],
  ['a modal of another workspace', 'team_not_allowed', { payload: withView({ team_id: 'T0OTHER' }) }],
  [
    'a modal submitted from another workspace',
    'team_not_allowed',
    { payload: { ...submitPayload, user: { id: 'U0ADA', team_id: 'T0OTHER' } } },
  ],
];

describe('turned away:', () => {
  it.each(attacks)('%s is %s', (_name, fault, sent) => {
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
