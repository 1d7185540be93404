import { ServiceFault } from '../../core/errors.js';
import type { ActionView } from '../../record/action-view.js';
import { Overtaken, type Channel } from '../channel.js';
import type { Log } from '../log.js';
import { presentFor } from '../message/called-on.js';
import { isDecidable } from '../message/layout.js';
import { MESSAGE_SLOT, showingsOf, type Showing } from '../message/showings.js';
import type { OnCall } from '../../directory/oncall/on-call.js';
import { sendDigests, type DigestOptions, type Reminded } from './digests.js';
import { dueLines } from './history.js';
import { slackUserOf } from './mentions.js';
import { CONVERSATION_GONE, showMessage, SLACK_CHANNEL_NAME, type ShowOptions } from './show-message.js';
import { SlackFault } from './slack-api.js';
import type { Pause } from './post-once.js';
import { postLine } from './thread.js';

export interface SlackChannelOptions extends Omit<ShowOptions, 'publicUrl'> {
  config: {
    teamId: string;
    /** Id of the channel that is posted to where policy names no other place. */
    channel: string;
    /** Used when the first one is archived or gone. */
    fallbackChannel: string | null;
    /** Without a trailing slash. */
    publicUrl: string;
  };
  /** Who is on call for a group. */
  onCall: Pick<OnCall, 'of'>;
  /** How people are reminded. */
  digests: DigestOptions['digests'];
  log: Log;
  /** How a short wait between two posts is spent. */
  pause: Pause;
}

/**
 * Slack as a channel: in each place that policy names one message per action, updated at every change, with its history in
 * the thread; and one to each person who may decide, where policy says so. Reminders come to each person as one digest.
 */
export function createSlackChannel(options: SlackChannelOptions): Channel {
  return {
    name: SLACK_CHANNEL_NAME,
    async announce(event, view, number) {
      const isReminder = event === 'reminded' && isDecidable(view);
      const { needsLine, fault } = isReminder
        ? await sendDigests(view, number, {
            ...options,
            directory: presentFor(view, options.directory(), options.clock()),
          })
        : NOT_REMINDED;
      const announcement = { view, number, reminds: needsLine };
      const told = await tellAll(await aimsOf(view, options), announcement, options);
      // All places that policy names were given up: the action must still be seen.
      if (told.includes('given_up') && !told.includes('shown')) {
        await tellAll([{ kind: 'configured', slot: MESSAGE_SLOT, mayPost: true }], announcement, options);
      }
      if (fault !== null) throw fault;
    },
  };
}

const NOT_REMINDED: Reminded = { needsLine: false, fault: null };

interface Announcement {
  view: ActionView;
  number: number;
  /** Whether a line in the thread is due that reminds. */
  reminds: boolean;
}

/** A message to be brought up to date; `left`: no longer asked for, but still there. */
type Aim = (Showing | { kind: 'left'; slot: string; conversation: string }) & {
  /** False: nothing is posted anew. */
  mayPost: boolean;
};

async function aimsOf(view: ActionView, options: SlackChannelOptions): Promise<Aim[]> {
  const { store, config } = options;
  const directory = presentFor(view, options.directory(), options.clock());
  const there = await store.shown(SLACK_CHANNEL_NAME, view.actionId, MESSAGE_SLOT);
  const isThere = (slot: string): boolean => there.some((message) => message.slot === slot);
  // What was refused before anyone was asked is on record, and no matter for a chat.
  const showings =
    view.plan === null
      ? []
      : showingsOf(view, {
          directory,
          addressOf: ({ slack }) => slack,
          configured: config.channel,
          isReachable: (person) => slackUserOf(person, directory, config.teamId) !== undefined,
        });
  // Nobody is written to about what they cannot decide any more.
  const wanted = showings
    .map((showing) => ({ ...showing, mayPost: showing.kind !== 'direct' || isDecidable(view) }))
    .filter(({ mayPost, slot }) => mayPost || isThere(slot));
  const left = there
    .filter(({ slot }) => !wanted.some((aim) => aim.slot === slot))
    .map(({ slot, conversation }): Aim => ({ kind: 'left', slot, conversation, mayPost: false }));
  return [...wanted, ...left];
}

type Told = 'shown' | 'nowhere' | 'given_up';

/**
 * Tries all, whatever becomes of one.
 * @throws the gravest of the faults: that the view is old, then what may pass.
 */
async function tellAll(
  aims: readonly Aim[],
  announcement: Announcement,
  options: SlackChannelOptions,
): Promise<Told[]> {
  const told: Told[] = [];
  const faults: ServiceFault[] = [];
  for (const aim of aims) {
    try {
      told.push(await tell(aim, announcement, options));
    } catch (error) {
      if (!(error instanceof ServiceFault)) throw error;
      faults.push(error);
    }
  }
  const fault: ServiceFault | undefined =
    faults.find((one) => one instanceof Overtaken) ?? faults.find(({ temporary }) => temporary) ?? faults[0];
  if (fault !== undefined) throw fault;
  return told;
}

async function tell(aim: Aim, { view, number, reminds }: Announcement, options: SlackChannelOptions): Promise<Told> {
  const { config, log } = options;
  try {
    const conversations = await conversationsOf(aim, options);
    const show = { ...options, publicUrl: config.publicUrl };
    const address = await showMessage(view, { slot: aim.slot, conversations, mayPost: aim.mayPost }, show);
    if (address === undefined) return 'nowhere';
    const directory = presentFor(view, options.directory(), options.clock());
    const context = { directory, teamId: config.teamId, onCall: options.onCall, number, reminds };
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
