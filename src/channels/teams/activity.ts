import { z } from 'zod';
import { actionIdSchema, digestSchema } from '../../core/schemas/primitives.js';

/** Names that our cards carry and that come back in activities. */
export const TEAMS_NAMES = {
  approve: 'countersign.approve',
  deny: 'countersign.deny',
  refresh: 'countersign.refresh',
  reason: 'countersign_reason',
} as const;

/** Longest reason that the record takes. */
export const REASON_CHARS = 2_000;

/** Who clicked, as the Bot Connector vouches for. */
export interface TeamsUser {
  tenantId: string;
  aadObjectId: string;
  /** Teams' id of the account, for the look-up of the member. */
  id: string;
}

/** Where a conversation of ours is, for posting to it. */
export interface ConversationReference {
  tenantId: string;
  conversation: string;
  serviceUrl: string;
}

/** A click on Approve, or on Deny with the reason filled in. */
export interface CardClick {
  kind: 'approve' | 'deny';
  user: TeamsUser;
  place: ConversationReference;
  /** Id of the message whose card was clicked. */
  messageId: string;
  /** What the card carries. */
  actionId: string;
  actionDigest: string;
  reason: string;
  /** Teams' own id of the click. */
  eventId: string;
}

/** Somebody looks at a message of ours, and Teams asks for its card as it is now. */
export interface CardLook {
  kind: 'look';
  user: TeamsUser;
  place: ConversationReference;
  messageId: string;
  /** What the card carries: which message it was posted as. */
  subject: string;
  slot: string;
  /** By which attempt; see `KnownMessage`. */
  attemptedAtMs: number;
}

/** `noted`: tells where a conversation is. `ignored`: nothing of ours. */
export type TeamsEvent =
  CardClick | CardLook | { kind: 'noted'; reference: ConversationReference } | { kind: 'ignored' };

export type ActivityFault =
  | 'activity_malformed'
  | 'channel_not_allowed'
  | 'tenant_not_allowed'
  | 'sender_unproven'
  | 'invoke_unsupported'
  | 'submit_unsupported'
  | 'verb_unknown';

/** An activity whose frame is sound; what kind it is has not been judged. */
export type Activity = z.infer<typeof activitySchema>;

const idSchema = z.string().min(1).max(300);

const activitySchema = z.looseObject({
  type: z.string().min(1).max(100),
  id: z.string().min(1).max(150),
  channelId: z.string().max(100),
  serviceUrl: z.url({ protocol: /^https?$/ }).max(500),
  from: z.looseObject({ id: idSchema, aadObjectId: z.guid().optional() }),
  conversation: z.looseObject({ id: idSchema, tenantId: z.guid().optional() }),
  channelData: z.looseObject({ tenant: z.looseObject({ id: z.guid() }).optional() }).nullish(),
  name: z.string().max(200).optional(),
  replyToId: idSchema.optional(),
  value: z.unknown().optional(),
});

/** The frame of an activity; undefined when it has none. */
export function readFrame(body: unknown): Activity | undefined {
  const parsed = activitySchema.safeParse(body);
  return parsed.success ? parsed.data : undefined;
}

const anyActionSchema = z.looseObject({ action: z.looseObject({ type: z.string(), verb: z.string().optional() }) });

const executeSchema = z.looseObject({
  action: z.looseObject({
    type: z.literal('Action.Execute'),
    verb: z.enum([TEAMS_NAMES.approve, TEAMS_NAMES.deny]),
    data: z.looseObject({
      actionId: actionIdSchema,
      actionDigest: digestSchema,
      [TEAMS_NAMES.reason]: z.string().max(10_000).optional(),
    }),
  }),
});

const refreshSchema = z.looseObject({
  action: z.looseObject({
    type: z.literal('Action.Execute'),
    verb: z.literal(TEAMS_NAMES.refresh),
    data: z.looseObject({
      subject: z.union([actionIdSchema, z.string().regex(/^(?:alarm|freeze)\/[0-9a-f]{64}$/)]),
      slot: z.string().min(1).max(200),
      attempt: z.string().regex(/^\d{1,15}$/),
    }),
  }),
});

/** What an authenticated activity is; only the given tenants count. */
export function readEvent(activity: Activity, tenantIds: readonly string[]): TeamsEvent | { fault: ActivityFault } {
  if (activity.channelId !== 'msteams') return { fault: 'channel_not_allowed' };
  const tenantId = tenantOf(activity);
  if (tenantId === undefined || !tenantIds.includes(tenantId)) return { fault: 'tenant_not_allowed' };
  const reference = { tenantId, conversation: baseOf(activity.conversation.id), serviceUrl: activity.serviceUrl };
  switch (activity.type) {
    case 'invoke':
      return readInvoke(activity, reference);
    case 'conversationUpdate':
    case 'installationUpdate':
      return { kind: 'noted', reference };
    case 'message':
      // `Action.Submit` comes as a message with a value: our cards have none.
      return activity.value === undefined || activity.value === null
        ? { kind: 'ignored' }
        : { fault: 'submit_unsupported' };
    default:
      return { kind: 'ignored' };
  }
}

function readInvoke(activity: Activity, place: ConversationReference): TeamsEvent | { fault: ActivityFault } {
  if (activity.name !== 'adaptiveCard/action') return { fault: 'invoke_unsupported' };
  const any = anyActionSchema.safeParse(activity.value);
  if (!any.success) return { fault: 'activity_malformed' };
  if (any.data.action.type !== 'Action.Execute') return { fault: 'submit_unsupported' };
  const { verb } = any.data.action;
  if (verb === TEAMS_NAMES.refresh) return readLook(activity, place);
  if (verb !== TEAMS_NAMES.approve && verb !== TEAMS_NAMES.deny) return { fault: 'verb_unknown' };
  const execute = executeSchema.safeParse(activity.value);
  const { from, replyToId } = activity;
  if (!execute.success || replyToId === undefined) return { fault: 'activity_malformed' };
  if (from.aadObjectId === undefined) return { fault: 'sender_unproven' };
  const { data } = execute.data.action;
  return {
    kind: verb === TEAMS_NAMES.approve ? 'approve' : 'deny',
    user: { tenantId: place.tenantId, aadObjectId: from.aadObjectId.toLowerCase(), id: from.id },
    place,
    messageId: replyToId,
    actionId: data.actionId,
    actionDigest: data.actionDigest,
    reason: data[TEAMS_NAMES.reason] ?? '',
    eventId: activity.id,
  };
}

function readLook(
  { value, from, replyToId }: Activity,
  place: ConversationReference,
): CardLook | { fault: ActivityFault } {
  const refresh = refreshSchema.safeParse(value);
  if (!refresh.success || replyToId === undefined) return { fault: 'activity_malformed' };
  if (from.aadObjectId === undefined) return { fault: 'sender_unproven' };
  const { subject, slot, attempt } = refresh.data.action.data;
  const user = { tenantId: place.tenantId, aadObjectId: from.aadObjectId.toLowerCase(), id: from.id };
  return { kind: 'look', user, place, messageId: replyToId, subject, slot, attemptedAtMs: Number(attempt) };
}

/** Undefined when none is named, or two that differ. */
function tenantOf({ conversation, channelData }: Activity): string | undefined {
  const named = [conversation.tenantId, channelData?.tenant?.id].flatMap((id) => id?.toLowerCase() ?? []);
  const [first, ...others] = named;
  return others.every((other) => other === first) ? first : undefined;
}

/** A thread in a channel is named by the channel and its first message: `19:…@thread.tacv2;messageid=1700000000000`. */
export function baseOf(conversation: string): string {
  return conversation.split(';messageid=')[0] ?? conversation;
}
