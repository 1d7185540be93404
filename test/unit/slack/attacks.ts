import type { GuardFault } from '../../../src/channels/slack/guard.js';
import { payloadForm, slackSignature } from '../../fakes/slack/signatures.js';
import {
  FORM,
  omit,
  signatureHeader,
  timestampHeader,
  type HonestRequests,
  type Payload,
  type Sent,
} from './signed-requests.js';

export type SlackAttack = [name: string, fault: GuardFault, sent: Sent];

/** Every request, differing from an honest one in one thing, that the guard turns away, in the order in which it judges. */
export function attacksFrom(honest: HonestRequests): SlackAttack[] {
  return [...signatureAttacks(honest), ...bodyAttacks(honest), ...payloadAttacks(honest)];
}

function signatureAttacks({ secret, nowSeconds, click }: HonestRequests): SlackAttack[] {
  const form = payloadForm(click);
  const withAction = actionOf(click);
  return [
    ['no signature', 'header_missing', { without: [signatureHeader] }],
    ['no timestamp', 'header_missing', { without: [timestampHeader] }],
    ['a second signature', 'header_repeated', { more: ['x-slack-signature', `v0=${'0'.repeat(64)}`] }],
    [
      'the same signature twice',
      'header_repeated',
      { more: ['X-SLACK-SIGNATURE', slackSignature(secret, nowSeconds, form)] },
    ],
    ['a second timestamp', 'header_repeated', { more: ['x-slack-request-timestamp', String(nowSeconds)] }],
    ['a second content type', 'header_repeated', { more: ['content-type', FORM] }],
    ['another secret', 'signature_invalid', { signature: slackSignature('f'.repeat(32), nowSeconds, form) }],
    ['a signature of zeros', 'signature_invalid', { signature: `v0=${'0'.repeat(64)}` }],
    [
      'a v1 signature',
      'signature_malformed',
      { signature: slackSignature(secret, nowSeconds, form).replace('v0', 'v1') },
    ],
    ['no version', 'signature_malformed', { signature: slackSignature(secret, nowSeconds, form).slice(3) }],
    ['upper-case hex', 'signature_malformed', { signature: `v0=${'A'.repeat(64)}` }],
    ['a short signature', 'signature_malformed', { signature: 'v0=abcd' }],
    [
      'two signatures in one header',
      'signature_malformed',
      { signature: `v0=${'0'.repeat(64)}, v0=${'1'.repeat(64)}` },
    ],
    ['an empty signature', 'signature_malformed', { signature: '' }],
    [
      'an altered body',
      'signature_invalid',
      {
        body: payloadForm(withAction({ action_id: 'countersign_deny' })),
        signature: slackSignature(secret, nowSeconds, form),
      },
    ],
    [
      'an altered timestamp',
      'signature_invalid',
      { timestamp: String(nowSeconds + 1), signature: slackSignature(secret, nowSeconds, form) },
    ],
    ['an old timestamp', 'timestamp_out_of_range', { timestamp: String(nowSeconds - 301) }],
    ['a future timestamp', 'timestamp_out_of_range', { timestamp: String(nowSeconds + 301) }],
    ['an hour ahead', 'timestamp_out_of_range', { timestamp: String(nowSeconds + 3_600) }],
    ['a timestamp of milliseconds', 'timestamp_malformed', { timestamp: String(nowSeconds * 1000) }],
    ['a fractional timestamp', 'timestamp_malformed', { timestamp: `${String(nowSeconds)}.5` }],
    ['a hexadecimal timestamp', 'timestamp_malformed', { timestamp: `0x${nowSeconds.toString(16)}` }],
    ['an exponent', 'timestamp_malformed', { timestamp: '1.795e9' }],
    ['a negative timestamp', 'timestamp_malformed', { timestamp: '-1' }],
    ['NaN', 'timestamp_malformed', { timestamp: 'NaN' }],
    ['a padded timestamp', 'timestamp_malformed', { timestamp: ` ${String(nowSeconds)}` }],
    ['an empty timestamp', 'timestamp_malformed', { timestamp: '' }],
  ];
}

function bodyAttacks({ click }: HonestRequests): SlackAttack[] {
  const form = payloadForm(click);
  return [
    ['a body over 64 KiB', 'body_too_large', { body: 'x'.repeat(65_537) }],
    ['JSON', 'content_type_unsupported', { contentType: 'application/json' }],
    ['no content type', 'content_type_unsupported', { contentType: null }],
    ['multipart', 'content_type_unsupported', { contentType: 'multipart/form-data; boundary=x' }],
    ['another charset', 'content_type_unsupported', { contentType: `${FORM}; charset=utf-7` }],
    ['bytes that are not UTF-8', 'body_not_utf8', { body: new Uint8Array([0x70, 0xff, 0xfe]) }],
    ['an empty body', 'payload_missing', { body: '' }],
    ['another parameter', 'payload_missing', { body: 'ssl_check=1' }],
    ['two payloads', 'payload_repeated', { body: `${form}&${form}` }],
    ['a second, encoded payload', 'payload_repeated', { body: `${form}&%70ayload=%7B%7D` }],
    ['an empty payload', 'payload_malformed', { body: 'payload=' }],
  ];
}

function payloadAttacks({ click, submission }: HonestRequests): SlackAttack[] {
  const page = pageClick(click);
  const { id: userId } = click['user'] as { id: string };
  const [action] = click['actions'] as [Payload];
  const value = String(action['value']);
  const [actionId = '', actionDigest = ''] = value.split('.');
  const withAction = actionOf(click);
  const withPage = viewOf(page);
  const withView = viewOf(submission);
  return [
    ...(['null', '[]', '[{}]', '"text"', '42', 'true', '{', '{}', '{"type":"block_actions"}'].map((payload) => [
      `payload ${payload}`,
      'payload_malformed',
      { payload },
    ]) as [string, GuardFault, Sent][]),
    ['no team', 'payload_malformed', { payload: omit(click, 'team') }],
    ['team null, as in an organisation-wide installation', 'payload_malformed', { payload: { ...click, team: null } }],
    ['no user', 'payload_malformed', { payload: omit(click, 'user') }],
    ['a user without id', 'payload_malformed', { payload: { ...click, user: { name: 'ada' } } }],
    ['a user id that is an object', 'payload_malformed', { payload: { ...click, user: { id: { $ne: '' } } } }],
    ['no app', 'payload_malformed', { payload: omit(click, 'api_app_id') }],
    ['another workspace', 'team_not_allowed', { payload: { ...click, team: { id: 'T0OTHER' } } }],
    [
      'a person of another workspace',
      'team_not_allowed',
      { payload: { ...click, user: { id: userId, team_id: 'T0OTHER' } } },
    ],
    ['another app', 'app_not_allowed', { payload: { ...click, api_app_id: 'A0OTHER' } }],
    [
      'another workspace, ignored type',
      'team_not_allowed',
      { payload: { ...click, type: 'shortcut', team: { id: 'T0OTHER' } } },
    ],
    ['no actions', 'payload_malformed', { payload: { ...click, actions: [] } }],
    ['two actions', 'payload_malformed', { payload: { ...click, actions: [action, action] } }],
    [
      'ours hidden behind an unknown action',
      'payload_malformed',
      { payload: { ...click, actions: [{ action_id: 'x' }, action] } },
    ],
    ['a select that calls itself approve', 'payload_malformed', { payload: withAction({ type: 'static_select' }) }],
    ['no value', 'payload_malformed', { payload: withAction({ value: undefined }) }],
    ['a value without digest', 'payload_malformed', { payload: withAction({ value: actionId }) }],
    ['a value with a path', 'payload_malformed', { payload: withAction({ value: `../${actionId}.${actionDigest}` }) }],
    ['a value with more', 'payload_malformed', { payload: withAction({ value: `${actionId}.${actionDigest}.x` }) }],
    [
      'a lower-case action id',
      'payload_malformed',
      { payload: withAction({ value: `${actionId.toLowerCase()}.${actionDigest}` }) },
    ],
    ['a click in a modal', 'payload_malformed', { payload: { ...click, container: { type: 'view', view_id: 'V1' } } }],
    ['two different channels', 'payload_malformed', { payload: { ...click, channel: { id: 'C0OTHER' } } }],
    ['no trigger', 'payload_malformed', { payload: omit(click, 'trigger_id') }],
    ['pages of another app', 'app_not_allowed', { payload: withPage({ app_id: 'A0OTHER' }) }],
    ['pages of another workspace', 'team_not_allowed', { payload: withPage({ team_id: 'T0OTHER' }) }],
    ['pages in another modal', 'payload_malformed', { payload: withPage({ callback_id: 'countersign_deny_modal' }) }],
    ['pages that are another view', 'payload_malformed', { payload: withPage({ id: 'V0OTHER' }) }],
    [
      'pages turned from another workspace',
      'team_not_allowed',
      { payload: { ...page, user: { id: userId, team_id: 'T0OTHER' } } },
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
      { payload: { ...submission, user: { id: userId, team_id: 'T0OTHER' } } },
    ],
  ];
}

const actionOf =
  (click: Payload) =>
  (over: Payload): Payload => ({ ...click, actions: [{ ...(click['actions'] as [Payload])[0], ...over }] });

const viewOf =
  (payload: Payload) =>
  (over: Payload): Payload => ({ ...payload, view: { ...(payload['view'] as Payload), ...over } });

/** The same person, in the pages of a content. */
export function pageClick(click: Payload): Payload {
  return {
    ...omit(omit(click, 'container'), 'channel'),
    container: { type: 'view', view_id: 'V0VIEW' },
    view: {
      id: 'V0VIEW',
      team_id: (click['team'] as { id: string }).id,
      app_id: click['api_app_id'],
      callback_id: 'countersign_read_modal',
      hash: '1.hash',
      private_metadata: '{}',
    },
    actions: [{ type: 'button', action_id: 'countersign_read_approve', action_ts: '1795348801.000002' }],
  };
}
