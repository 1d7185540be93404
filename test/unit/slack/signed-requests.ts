import { createSlackGuard, type Admission, type SlackGuard } from '../../../src/channels/slack/guard.js';
import { Secret } from '../../../src/core/secret.js';
import { payloadForm, slackSignature } from '../../fakes/slack/signatures.js';
import { ACTION_DIGEST, ACTION_ID, slackIds } from './views.js';

const SECRET = '0123456789abcdef0123456789abcdef';
export const NOW_SECONDS = 1_795_348_800;
export const FORM = 'application/x-www-form-urlencoded';

export const makeGuard = (over: { clock?: () => number; rememberedSignatures?: number } = {}): SlackGuard =>
  createSlackGuard({
    signingSecret: new Secret(SECRET),
    teamId: slackIds.teamId,
    appId: slackIds.appId,
    clock: () => NOW_SECONDS * 1000,
    ...over,
  });

export type Payload = Record<string, unknown>;

export const clickPayload: Payload = {
  type: 'block_actions',
  team: { id: slackIds.teamId, domain: 'example' },
  api_app_id: slackIds.appId,
  user: { id: 'U0ADA', team_id: slackIds.teamId, name: 'ada' },
  trigger_id: '1.2.3',
  container: { type: 'message', message_ts: '1795348800.000001', channel_id: slackIds.channel },
  channel: { id: slackIds.channel, name: 'approvals' },
  actions: [
    {
      type: 'button',
      action_id: 'countersign_approve',
      block_id: 'b',
      value: `${ACTION_ID}.${ACTION_DIGEST}`,
      action_ts: '1795348801.000002',
    },
  ],
};
const [clickAction] = clickPayload['actions'] as [Payload];

export const submitPayload: Payload = {
  type: 'view_submission',
  team: { id: slackIds.teamId },
  api_app_id: slackIds.appId,
  user: { id: 'U0ADA', team_id: slackIds.teamId },
  view: {
    id: 'V0VIEW',
    team_id: slackIds.teamId,
    app_id: slackIds.appId,
    callback_id: 'countersign_deny_modal',
    private_metadata: '{}',
    state: { values: { countersign_reason: { countersign_reason_input: { type: 'plain_text_input', value: 'no' } } } },
  },
};

/** What an honest person sends. */
export interface HonestRequests {
  secret: string;
  nowSeconds: number;
  /** A click on Approve in a message. */
  click: Payload;
  /** A submitted denial. */
  submission: Payload;
}

export const HONEST: HonestRequests = {
  secret: SECRET,
  nowSeconds: NOW_SECONDS,
  click: clickPayload,
  submission: submitPayload,
};

/** In what a request differs from the honest click. */
export interface Sent {
  body?: string | Uint8Array;
  payload?: unknown;
  timestamp?: string;
  signature?: string;
  contentType?: string | null;
  more?: string[];
  without?: string[];
}

/** The request as it goes over the wire. */
export function request(
  { payload, body, timestamp, signature, contentType = FORM, more = [], without = [] }: Sent,
  { secret, nowSeconds, click }: HonestRequests = HONEST,
) {
  const stamp = timestamp ?? String(nowSeconds);
  const bytes = Buffer.from(body ?? payloadForm(payload ?? click));
  const headers = [
    ['Content-Type', contentType ?? ''],
    ['X-Slack-Request-Timestamp', stamp],
    ['X-Slack-Signature', signature ?? slackSignature(secret, stamp, bytes)],
  ].filter(([name]) => !without.includes(name ?? '') && (contentType !== null || name !== 'Content-Type'));
  return { rawHeaders: [...headers.flat(), ...more], body: bytes };
}

export const admit = (sent: Sent): Admission => makeGuard().admit(request(sent));
export const withAction = (over: Payload): Payload => ({ ...clickPayload, actions: [{ ...clickAction, ...over }] });
export const withView = (over: Payload): Payload => ({
  ...submitPayload,
  view: { ...(submitPayload['view'] as Payload), ...over },
});
export const omit = (payload: Payload, name: string): Payload =>
  Object.fromEntries(Object.entries(payload).filter(([key]) => key !== name));
export const signatureHeader = 'X-Slack-Signature';
export const timestampHeader = 'X-Slack-Request-Timestamp';
