import type { OnCall } from '../../directory/oncall/on-call.js';
import type { ActionView } from '../../record/action-view.js';
import type { AnnouncementEvent } from '../../contracts/activities.js';
import type { Channel } from '../channel.js';
import type { Log } from '../log.js';
import { presentFor } from '../message/called-on.js';
import { NOT_REMINDED, sendDigests, sendHeld, type DigestOptions, type DigestSettings } from '../message/digests.js';
import { whereTo, type NoteGivenUp } from '../message/given-up.js';
import { isDecidable } from '../message/layout.js';
import type { MessageAddress } from '../message/message-store.js';
import type { RenderContext } from '../message/context.js';
import { isNews, NOTICE_SLOT, noticeOfAlarm, noticeOfFreeze, type Notice } from '../message/notice.js';
import { patiently, type Pause } from '../message/patiently.js';
import { showEverywhere, type Aim, type Told } from '../message/show-everywhere.js';
import { MESSAGE_SLOT, mayDecide } from '../message/showings.js';
import type { ConversationStore } from './conversation-store.js';
import { isAllowedUrl } from './gate.js';
import { dueReplies, teamsAccountOf, type Reply } from './replies.js';
import { createTeamsMail } from './digests.js';
import { actionContent, noticeContent, type DrawOptions } from './contents.js';
import { createLookers } from './lookers.js';
import { postOnce } from './post-once.js';
import { CONVERSATION_GONE, showCard, TEAMS_CHANNEL_NAME, type ShowOptions } from './show-card.js';
import { TeamsFault, type Place } from './teams-api.js';

export interface TeamsChannelOptions
  extends Omit<ShowOptions, 'placeOf' | 'lookers'>, Pick<DrawOptions, 'directory' | 'readLog'> {
  places: Pick<ConversationStore, 'find'>;
  config: {
    tenantIds: readonly string[];
    /** Id of the channel or chat that is posted to where policy names no other place. */
    conversation: string;
    /** Used when the first one is gone. */
    fallbackConversation: string | null;
    /** Of notices about alarms and freezes; null: as for actions. */
    noticeConversation: string | null;
    /** Address of the Bot Connector, until Teams names another for a conversation. */
    serviceUrl: string;
    serviceUrls: readonly string[];
    /** Without a trailing slash. */
    publicUrl: string;
  };
  /** Who is on call for a group. */
  onCall: Pick<OnCall, 'of'>;
  /** How people are reminded. */
  digests: DigestSettings;
  /** Told of each place that is not tried again. */
  givenUp: NoteGivenUp;
  log: Log;
  /** How a short wait between two posts is spent. */
  pause: Pause;
}

/**
 * Teams as a channel: in each place that policy names one card per action, updated at every change, with whom it asks in its
 * thread; and one to each person who may decide, where policy says so. Reminders come to each person as one digest.
 */
export function createTeamsChannel(given: TeamsChannelOptions): Channel {
  const options: Options = { ...given, lookers: createLookers(given) };
  const mail = createTeamsMail({ ...options, placeOf: (id) => placeOf(id, options) });
  const reminding: DigestOptions = { ...options, mail };
  return {
    name: TEAMS_CHANNEL_NAME,
    async announce(event, view, number) {
      const directory = presentFor(view, options.directory(), options.clock());
      const isReminder = event === 'reminded' && isDecidable(view);
      const { needsLine, fault } = isReminder
        ? await sendDigests(view, number, { ...reminding, directory })
        : NOT_REMINDED;
      const announcement = { event, view, number, reminds: needsLine };
      const { tenantIds, conversation } = options.config;
      await showEverywhere(view, (aim) => tell(aim, announcement, options), {
        channelName: TEAMS_CHANNEL_NAME,
        store: options.store,
        reach: {
          directory,
          addressOf: ({ teams }) => teams,
          configured: conversation,
          isReachable: (person) => teamsAccountOf(person, directory, tenantIds) !== undefined,
        },
      });
      if (fault !== null) throw fault;
    },
    alarmStands: (alarm) => tellNotice(noticeOfAlarm(alarm, contextOf(options)), options),
    alarmCleared: (alarm) => tellNotice(noticeOfAlarm(alarm, contextOf(options)), options),
    freezeStands: (freeze) => tellNotice(noticeOfFreeze(freeze, contextOf(options)), options),
    freezeLifted: (freeze) => tellNotice(noticeOfFreeze(freeze, contextOf(options)), options),
    catchUp: () => sendHeld({ ...reminding, directory: options.directory() }),
  };
}

function contextOf({ directory, config }: Options): RenderContext {
  return { directory: directory(), publicUrl: config.publicUrl };
}

function placed(options: Options): ShowOptions {
  return { ...options, placeOf: (id) => placeOf(id, options) };
}

/** In the place for notices, for those who may clear and unfreeze. */
async function tellNotice(notice: Notice, options: Options): Promise<void> {
  const { config, clock, pause } = options;
  const directory = options.directory();
  const group = directory.unfreezeGroup();
  const accounts = (group === null ? [] : directory.membersOf(group)).flatMap(
    (person) => teamsAccountOf(person, directory, config.tenantIds)?.aadObjectId ?? [],
  );
  const places = [config.noticeConversation, config.conversation, config.fallbackConversation];
  const conversations = [...new Set(places.filter((place) => place !== null))];
  const target = { slot: NOTICE_SLOT, conversations, accounts, mayPost: isNews(notice, clock()) };
  await patiently(async () => {
    await showCard(noticeContent(notice), target, placed(options));
  }, pause);
}

type Options = TeamsChannelOptions & Pick<ShowOptions, 'lookers'>;

interface Announcement {
  event: AnnouncementEvent;
  view: ActionView;
  number: number;
  /** Whether a line in the thread is due that reminds. */
  reminds: boolean;
}

async function tell(aim: Aim, { event, view, number, reminds }: Announcement, options: Options): Promise<Told> {
  const { config, log } = options;
  try {
    const conversations = await conversationsOf(aim, options);
    const directory = presentFor(view, options.directory(), options.clock());
    const accounts = mayDecide(view, directory).flatMap(
      (person) => teamsAccountOf(person, directory, config.tenantIds)?.aadObjectId ?? [],
    );
    const { slot, mayPost } = aim;
    const target = { slot, conversations, accounts, mayPost };
    const address = await showCard(actionContent(view, options), target, placed(options));
    if (address === undefined) return 'nowhere';
    if (aim.kind === 'left' || aim.kind === 'direct') return 'shown';
    const context = { directory, onCall: options.onCall, tenantIds: config.tenantIds, event, number, reminds };
    for (const reply of dueReplies(view, context)) {
      await showReply(reply, { view, showing: slot, thread: address, accounts }, options);
    }
    return 'shown';
  } catch (error) {
    if (!(error instanceof TeamsFault) || !CONVERSATION_GONE.has(error.teamsCode)) throw error;
    if (aim.kind === 'configured') {
      const words =
        'The Teams conversation is gone or closed to the app, and there is no usable fallback: set COUNTERSIGN_TEAMS_CONVERSATION.';
      throw new TeamsFault('refused', words, { status: error.status, code: error.teamsCode });
    }
    const { actionId } = view;
    const where = whereTo(aim);
    const channelName = TEAMS_CHANNEL_NAME;
    if (where !== null) await options.givenUp(view, { channelName, slot: aim.slot, where, code: error.teamsCode });
    log.warn({ actionId, slot: aim.slot, teamsCode: error.teamsCode }, 'Teams cannot show an action there: given up');
    return 'given_up';
  }
}

async function conversationsOf(aim: Aim, options: TeamsChannelOptions): Promise<string[]> {
  const { api, config } = options;
  switch (aim.kind) {
    case 'configured':
      return [config.conversation, ...(config.fallbackConversation === null ? [] : [config.fallbackConversation])];
    case 'named':
      return [aim.address];
    case 'left':
      return [aim.conversation];
    case 'direct': {
      const account = teamsAccountOf(aim.person, options.directory(), config.tenantIds);
      return account === undefined ? [] : [await api.openDirect(config.serviceUrl, account)];
    }
  }
}

interface Thread {
  view: ActionView;
  /** Slot of the message that the thread belongs to. */
  showing: string;
  thread: MessageAddress;
  /** As `Target`. */
  accounts: readonly string[];
}

async function showReply(reply: Reply, { view, showing, thread, accounts }: Thread, options: Options): Promise<void> {
  const slot = showing === MESSAGE_SLOT ? reply.slot : `${reply.slot} of ${showing}`;
  const key = { channelName: TEAMS_CHANNEL_NAME, subject: view.actionId, slot };
  const place = await placeOf(thread.conversation, options);
  const conversation = isTeamsChannel(place.conversation)
    ? `${place.conversation};messageid=${thread.ts}`
    : place.conversation;
  await postOnce({ key, place: { ...place, conversation }, accounts, compose: reply.message }, options);
}

/** Chats have no threads. */
function isTeamsChannel(conversation: string): boolean {
  return /@thread\.(?:tacv2|skype)$/.test(conversation);
}

async function placeOf(conversation: string, { places, config }: TeamsChannelOptions): Promise<Place> {
  const known = await places.find(conversation);
  // What was noted under an earlier configuration may no longer be allowed.
  const isKnown = known !== undefined && isAllowedUrl(known.serviceUrl, config.serviceUrls);
  return { conversation, serviceUrl: isKnown ? known.serviceUrl : config.serviceUrl };
}
