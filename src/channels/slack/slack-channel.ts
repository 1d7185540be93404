import type { ActionView } from '../../record/action-view.js';
import type { AnnouncementEvent } from '../../contracts/activities.js';
import type { Channel } from '../channel.js';
import type { Log } from '../log.js';
import { presentFor } from '../message/called-on.js';
import { whereTo, type NoteGivenUp } from '../message/given-up.js';
import { isDecidable } from '../message/layout.js';
import { showEverywhere, type Aim, type Told } from '../message/show-everywhere.js';
import type { OnCall } from '../../directory/oncall/on-call.js';
import { NOT_REMINDED, sendDigests, sendHeld, type DigestOptions, type DigestSettings } from '../message/digests.js';
import type { RenderContext } from '../message/context.js';
import { isNews, NOTICE_SLOT, noticeOfAlarm, noticeOfFreeze, type Notice } from '../message/notice.js';
import { patiently, type Pause } from '../message/patiently.js';
import { actionContent, noticeContent, type DrawOptions } from './contents.js';
import { createSlackMail } from './digests.js';
import { dueLines } from './history.js';
import { slackUserOf } from './mentions.js';
import { CONVERSATION_GONE, showMessage, SLACK_CHANNEL_NAME, type ShowOptions } from './show-message.js';
import { SlackFault } from './slack-api.js';
import { postLine } from './thread.js';

export interface SlackChannelOptions extends ShowOptions, Pick<DrawOptions, 'directory' | 'readLog'> {
  config: {
    teamId: string;
    /** Id of the channel that is posted to where policy names no other place. */
    channel: string;
    /** Used when the first one is archived or gone. */
    fallbackChannel: string | null;
    /** Of notices about alarms and freezes; null: as for actions. */
    noticeChannel: string | null;
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
 * Slack as a channel: in each place that policy names one message per action, updated at every change, with its history in
 * the thread; and one to each person who may decide, where policy says so. Reminders come to each person as one digest.
 */
export function createSlackChannel(options: SlackChannelOptions): Channel {
  const reminding: DigestOptions = { ...options, mail: createSlackMail(options) };
  return {
    name: SLACK_CHANNEL_NAME,
    async announce(event, view, number) {
      const isReminder = event === 'reminded' && isDecidable(view);
      const directory = presentFor(view, options.directory(), options.clock());
      const { needsLine, fault } = isReminder
        ? await sendDigests(view, number, { ...reminding, directory })
        : NOT_REMINDED;
      const announcement = { event, view, number, reminds: needsLine };
      const { teamId, channel } = options.config;
      await showEverywhere(view, (aim) => tell(aim, announcement, options), {
        channelName: SLACK_CHANNEL_NAME,
        store: options.store,
        reach: {
          directory,
          addressOf: ({ slack }) => slack,
          configured: channel,
          isReachable: (person) => slackUserOf(person, directory, teamId) !== undefined,
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

function contextOf({ directory, config }: SlackChannelOptions): RenderContext {
  return { directory: directory(), publicUrl: config.publicUrl };
}

/** In the place for notices. */
async function tellNotice(notice: Notice, options: SlackChannelOptions): Promise<void> {
  const { config, clock, pause } = options;
  const places = [config.noticeChannel, config.channel, config.fallbackChannel];
  const conversations = [...new Set(places.filter((place) => place !== null))];
  const target = { slot: NOTICE_SLOT, conversations, mayPost: isNews(notice, clock()) };
  await patiently(async () => {
    await showMessage(noticeContent(notice), target, options);
  }, pause);
}

interface Announcement {
  event: AnnouncementEvent;
  view: ActionView;
  number: number;
  /** Whether a line in the thread is due that reminds. */
  reminds: boolean;
}

async function tell(
  aim: Aim,
  { event, view, number, reminds }: Announcement,
  options: SlackChannelOptions,
): Promise<Told> {
  const { config, log } = options;
  try {
    const conversations = await conversationsOf(aim, options);
    const target = { slot: aim.slot, conversations, mayPost: aim.mayPost };
    const address = await showMessage(actionContent(view, options), target, options);
    if (address === undefined) return 'nowhere';
    const directory = presentFor(view, options.directory(), options.clock());
    const context = { directory, teamId: config.teamId, onCall: options.onCall, event, number, reminds };
    for (const line of aim.kind === 'left' ? [] : dueLines(view, context)) {
      if (aim.kind === 'direct' && !line.isForEach) continue;
      await postLine(line, { actionId: view.actionId, showing: aim.slot, thread: address }, options);
    }
    return 'shown';
  } catch (error) {
    if (!(error instanceof SlackFault) || !isUnusable(aim, error)) throw error;
    if (aim.kind === 'configured') {
      const words =
        'The Slack channel is archived, gone or closed to the app, and there is no usable fallback: set COUNTERSIGN_SLACK_CHANNEL.';
      throw new SlackFault('refused', words, error.slackCode);
    }
    const { actionId } = view;
    const where = whereTo(aim);
    const channelName = SLACK_CHANNEL_NAME;
    if (where !== null) await options.givenUp(view, { channelName, slot: aim.slot, where, code: error.slackCode });
    log.warn({ actionId, slot: aim.slot, slackCode: error.slackCode }, 'Slack cannot show an action there: given up');
    return 'given_up';
  }
}

/** Refusals that are about the person written to, not about us. */
const PERSON_GONE: ReadonlySet<string> = new Set([
  'user_not_found',
  'users_not_found',
  'user_disabled',
  'user_not_visible',
  'cannot_dm_bot',
  'messages_tab_disabled',
]);

function isUnusable({ kind }: Aim, { slackCode }: SlackFault): boolean {
  return CONVERSATION_GONE.has(slackCode) || (kind !== 'configured' && PERSON_GONE.has(slackCode));
}

async function conversationsOf(aim: Aim, { api, directory, config }: SlackChannelOptions): Promise<string[]> {
  switch (aim.kind) {
    case 'configured':
      return [config.channel, ...(config.fallbackChannel === null ? [] : [config.fallbackChannel])];
    case 'named':
      return [aim.address];
    case 'left':
      return [aim.conversation];
    case 'direct': {
      const userId = slackUserOf(aim.person, directory(), config.teamId);
      return userId === undefined ? [] : [await api.openDirect(userId)];
    }
  }
}
