import { z } from 'zod';
import { actionIdSchema, digestSchema } from '../../core/schemas/primitives.js';
import type { Admission } from './guard.js';

/** Names that our messages and modals carry and that come back in interactions. */
export const SLACK_NAMES = {
  approve: 'countersign_approve',
  deny: 'countersign_deny',
  /** Link buttons: Slack tells of the click, and there is nothing to do. */
  open: 'countersign_open',
  /** Opens the pages of a content that is too long for a message. */
  read: 'countersign_read',
  /** In those pages. */
  back: 'countersign_read_back',
  next: 'countersign_read_next',
  approveRead: 'countersign_read_approve',
  readModal: 'countersign_read_modal',
  denyModal: 'countersign_deny_modal',
  reasonBlock: 'countersign_reason',
  reasonInput: 'countersign_reason_input',
} as const;

/** Longest reason that the record takes. */
export const REASON_CHARS = 2_000;

/** Who clicked, as Slack signed it. */
export interface SlackUser {
  teamId: string;
  userId: string;
}

/** A click on one of the buttons of a message of ours. */
export interface ButtonClick {
  kind: 'approve' | 'deny' | 'read';
  user: SlackUser;
  /** What the button carries. */
  actionId: string;
  actionDigest: string;
  conversation: string;
  messageTs: string;
  /** Slack's own id of the click. */
  clickTs: string;
  /** Lets us open one modal within three seconds. */
  triggerId: string;
}

/** A submitted modal of ours. */
export interface DenySubmission {
  kind: 'deny_submitted';
  user: SlackUser;
  viewId: string;
  /** What we put in when we opened it, sealed. */
  privateMetadata: string;
  reason: string;
}

/** A click in the pages of a content. */
export interface PageClick {
  kind: 'page';
  user: SlackUser;
  button: 'back' | 'next' | 'approve';
  viewId: string;
  /** Slack's name for the state of the modal that was clicked in. */
  viewHash: string;
  /** What we put in when we showed that page, sealed. */
  privateMetadata: string;
  /** Slack's own id of the click. */
  clickTs: string;
}

/** `/countersign`: what waits for me? */
export interface Command {
  kind: 'command';
  user: SlackUser;
}

/** `ignored`: signed and well-formed, but nothing of ours (a link button, another app's modal). */
export type Interaction = ButtonClick | PageClick | DenySubmission | Command | { kind: 'ignored' };

/** A button's `value`. */
export function buttonValue(actionId: string, actionDigest: string): string {
  return `${actionId}.${actionDigest}`;
}

const idSchema = z.string().regex(/^[A-Z][A-Z0-9]{1,31}$/);
const tsSchema = z.string().regex(/^[0-9]{1,12}\.[0-9]{1,9}$/);
const envelopeSchema = z.looseObject({
  type: z.string(),
  team: z.looseObject({ id: z.string() }),
  api_app_id: z.string(),
});
const userSchema = z.looseObject({ id: idSchema, team_id: idSchema.optional() });
const anyClickSchema = z.looseObject({ actions: z.tuple([z.looseObject({ action_id: z.string() })]) });
const anyViewSchema = z.looseObject({ view: z.looseObject({ callback_id: z.string() }) });

const clickSchema = z.looseObject({
  user: userSchema,
  trigger_id: z.string().min(1).max(200),
  container: z.looseObject({ type: z.literal('message'), message_ts: tsSchema, channel_id: idSchema }),
  channel: z.looseObject({ id: idSchema }),
  actions: z.tuple([
    z.looseObject({
      type: z.literal('button'),
      action_id: z.enum([SLACK_NAMES.approve, SLACK_NAMES.deny, SLACK_NAMES.read]),
      value: z.string().max(200),
      action_ts: tsSchema,
    }),
  ]),
});
const valueSchema = z.tuple([actionIdSchema, digestSchema]);

const submissionSchema = z.looseObject({
  user: userSchema,
  view: z.looseObject({
    id: idSchema,
    team_id: idSchema,
    app_id: z.string(),
    private_metadata: z.string().max(3_000),
    state: z.looseObject({
      values: z.looseObject({
        [SLACK_NAMES.reasonBlock]: z.looseObject({
          [SLACK_NAMES.reasonInput]: z.looseObject({ value: z.string().max(10_000).nullish() }),
        }),
      }),
    }),
  }),
});

const pageClickSchema = z.looseObject({
  user: userSchema,
  container: z.looseObject({ type: z.literal('view'), view_id: idSchema }),
  view: z.looseObject({
    id: idSchema,
    team_id: idSchema,
    app_id: z.string(),
    callback_id: z.literal(SLACK_NAMES.readModal),
    hash: z.string().min(1).max(200),
    private_metadata: z.string().max(3_000),
  }),
  actions: z.tuple([
    z.looseObject({
      type: z.literal('button'),
      action_id: z.enum([SLACK_NAMES.back, SLACK_NAMES.next, SLACK_NAMES.approveRead]),
      action_ts: tsSchema,
    }),
  ]),
});

const commandSchema = z.looseObject({
  command: z.string().max(100),
  team_id: idSchema,
  api_app_id: z.string(),
  user_id: idSchema,
});

/** Who may send what. */
export interface Allowed {
  teamId: string;
  appId: string;
}

/** Reads the JSON of a `payload` parameter whose signature holds; only the given workspace and app count. */
export function readInteraction(text: string, allowed: Allowed): Admission {
  return readPayload(parseJson(text), allowed);
}

/** The same for a slash command's fields. */
export function readCommand(fields: unknown, allowed: Allowed): Admission {
  const command = commandSchema.safeParse(fields);
  if (!command.success) return { ok: false, fault: 'payload_malformed' };
  const { team_id: teamId, api_app_id: appId, user_id: userId } = command.data;
  if (teamId !== allowed.teamId) return { ok: false, fault: 'team_not_allowed' };
  if (appId !== allowed.appId) return { ok: false, fault: 'app_not_allowed' };
  if (command.data.command !== COMMAND) return ignored;
  return { ok: true, interaction: { kind: 'command', user: { teamId, userId } } };
}

/** As the app's manifest names it. */
const COMMAND = '/countersign';

/** Reads a payload that Slack itself handed over. */
export function readPayload(value: unknown, allowed: Allowed): Admission {
  const envelope = envelopeSchema.safeParse(value);
  if (!envelope.success) return { ok: false, fault: 'payload_malformed' };
  const payload = envelope.data;
  if (payload.team.id !== allowed.teamId) return { ok: false, fault: 'team_not_allowed' };
  if (payload.api_app_id !== allowed.appId) return { ok: false, fault: 'app_not_allowed' };
  if (payload.type === 'block_actions') return readClick(payload, allowed);
  if (payload.type === 'view_submission') return readSubmission(payload, allowed);
  return ignored;
}

const ignored: Admission = { ok: true, interaction: { kind: 'ignored' } };

const MESSAGE_BUTTONS: Readonly<Record<string, ButtonClick['kind']>> = {
  [SLACK_NAMES.approve]: 'approve',
  [SLACK_NAMES.deny]: 'deny',
  [SLACK_NAMES.read]: 'read',
};
const PAGE_BUTTONS: Readonly<Record<string, PageClick['button']>> = {
  [SLACK_NAMES.back]: 'back',
  [SLACK_NAMES.next]: 'next',
  [SLACK_NAMES.approveRead]: 'approve',
};

function readClick(payload: unknown, allowed: Allowed): Admission {
  const { teamId } = allowed;
  const any = anyClickSchema.safeParse(payload);
  if (!any.success) return { ok: false, fault: 'payload_malformed' };
  const name = any.data.actions[0].action_id;
  const button = PAGE_BUTTONS[name];
  if (button !== undefined) return readPageClick(payload, button, allowed);
  const kind = MESSAGE_BUTTONS[name];
  if (kind === undefined) return ignored;
  const click = clickSchema.safeParse(payload);
  if (!click.success) return { ok: false, fault: 'payload_malformed' };
  const { user, container, channel, trigger_id: triggerId } = click.data;
  const [action] = click.data.actions;
  const value = valueSchema.safeParse(action.value.split('.'));
  if (!value.success || container.channel_id !== channel.id) return { ok: false, fault: 'payload_malformed' };
  // A person of another workspace in a shared channel: Slack names their own team here.
  if (user.team_id !== undefined && user.team_id !== teamId) return { ok: false, fault: 'team_not_allowed' };
  const [actionId, actionDigest] = value.data;
  return {
    ok: true,
    interaction: {
      kind,
      user: { teamId, userId: user.id },
      actionId,
      actionDigest,
      conversation: channel.id,
      messageTs: container.message_ts,
      clickTs: action.action_ts,
      triggerId,
    },
  };
}

function readPageClick(payload: unknown, button: PageClick['button'], allowed: Allowed): Admission {
  const click = pageClickSchema.safeParse(payload);
  if (!click.success) return { ok: false, fault: 'payload_malformed' };
  const { user, view, container } = click.data;
  const outside = outsider(user.team_id, view, allowed);
  if (outside !== null) return outside;
  if (container.view_id !== view.id) return { ok: false, fault: 'payload_malformed' };
  return {
    ok: true,
    interaction: {
      kind: 'page',
      user: { teamId: allowed.teamId, userId: user.id },
      button,
      viewId: view.id,
      viewHash: view.hash,
      privateMetadata: view.private_metadata,
      clickTs: click.data.actions[0].action_ts,
    },
  };
}

/** The modal must be the app's own, in the workspace, and so must the person be. */
function outsider(
  personTeamId: string | undefined,
  view: { team_id: string; app_id: string },
  allowed: Allowed,
): Admission | null {
  if (view.app_id !== allowed.appId) return { ok: false, fault: 'app_not_allowed' };
  const isOurs = view.team_id === allowed.teamId && (personTeamId ?? allowed.teamId) === allowed.teamId;
  return isOurs ? null : { ok: false, fault: 'team_not_allowed' };
}

function readSubmission(payload: unknown, allowed: Allowed): Admission {
  const any = anyViewSchema.safeParse(payload);
  if (!any.success) return { ok: false, fault: 'payload_malformed' };
  if (any.data.view.callback_id !== SLACK_NAMES.denyModal) return ignored;
  const submission = submissionSchema.safeParse(payload);
  if (!submission.success) return { ok: false, fault: 'payload_malformed' };
  const { user, view } = submission.data;
  const outside = outsider(user.team_id, view, allowed);
  if (outside !== null) return outside;
  return {
    ok: true,
    interaction: {
      kind: 'deny_submitted',
      user: { teamId: allowed.teamId, userId: user.id },
      viewId: view.id,
      privateMetadata: view.private_metadata,
      reason: view.state.values[SLACK_NAMES.reasonBlock][SLACK_NAMES.reasonInput].value ?? '',
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
