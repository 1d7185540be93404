import { Refusal } from '../../core/errors.js';
import type { Directory, Person } from '../../directory/directory.js';
import type { ActionView } from '../../record/action-view.js';
import type { LogText } from '../../record/log-text.js';
import { attempt, wordsFor, type Ending } from '../attempt.js';
import type { Decisions } from '../decisions.js';
import type { MessageStore, ShownMessage } from '../message/message-store.js';
import { MESSAGE_SLOT } from '../message/showings.js';
import { baseOf, REASON_CHARS, type CardClick } from './activity.js';
import { checkMember, personOf } from './identity.js';
import { renderAction, renderReplaced } from './render.js';
import type { OutgoingMessage, TeamsApi } from './teams-api.js';
import { TEAMS_CHANNEL_NAME } from './show-card.js';

export interface HandlerOptions {
  api: TeamsApi;
  decisions: Decisions;
  directory: () => Directory;
  store: Pick<MessageStore, 'shown' | 'keptAt' | 'known' | 'adopt'>;
  /** The action as it is now; undefined for an unknown one. */
  viewOf: (actionId: string) => Promise<ActionView | undefined>;
  /** The agent's log, as far as it can be shown. */
  readLog: (view: ActionView) => Promise<LogText | null>;
  /** Without a trailing slash. */
  publicUrl: string;
}

/** How a click ended. */
export interface ClickEnding extends Ending {
  /** Whoever clicked is known, a member, and sees the message: the action may be shown to them. */
  isProven: boolean;
}

/** Approve, or Deny with its reason, was clicked: everything is judged. Never rejects. */
export async function decide(click: CardClick, options: HandlerOptions): Promise<ClickEnding> {
  const reason = click.kind === 'deny' ? click.reason.trim() : '';
  let isProven = false;
  const ending = await attempt(
    async () => {
      const person = await authorise(click, options);
      isProven = true;
      if (click.kind === 'deny') requireReason(reason);
      return person;
    },
    async (person) =>
      wordsFor(
        await options.decisions.decide({
          actionId: click.actionId,
          actionDigest: click.actionDigest,
          decision: click.kind,
          reason,
          person,
          via: {
            channel: TEAMS_CHANNEL_NAME,
            subject: `${click.user.tenantId}/${click.user.aadObjectId}`,
            eventId: click.eventId,
          },
        }),
      ),
  );
  return { ...ending, isProven };
}

/** The message that shows an action as it is now. */
export async function cardOf(view: ActionView, options: HandlerOptions): Promise<OutgoingMessage> {
  return renderAction(view, { ...options, directory: options.directory(), log: await options.readLog(view) });
}

function requireReason(reason: string): void {
  if (reason === '')
    throw new Refusal('reason_missing', 'Please say why, so that the agent and the record know.', 'reason');
  if (reason.length > REASON_CHARS)
    throw new Refusal('field_invalid', `Please use at most ${String(REASON_CHARS)} characters.`, 'reason');
}

async function authorise(click: CardClick, options: HandlerOptions): Promise<Person> {
  const person = personOf(click.user, options.directory());
  await checkOurs(click, options);
  await checkMember(click.user, click.place, options.api);
  return person;
}

/** The message must be one that we posted about this very action. */
async function checkOurs(click: CardClick, options: HandlerOptions): Promise<void> {
  const { actionId, place, messageId } = click;
  const shown = await options.store.shown(TEAMS_CHANNEL_NAME, actionId, MESSAGE_SLOT);
  const here = shown.filter(({ conversation }) => baseOf(conversation) === place.conversation);
  if (here.some(({ ts }) => ts === messageId)) return;
  if (here.length === 0) {
    const message = 'Countersign has not yet noted where the message about this action is. Press again in a moment.';
    throw new Refusal('forbidden', message, 'message');
  }
  if (await isOurCopy(click, here, options)) return;
  throw new Refusal(
    'forbidden',
    'This is not the message that Countersign keeps for this action. Use the newest one, or the full view.',
    'message',
  );
}

/**
 * Teams cannot be asked what was posted, so a post whose answer was lost may be there unknown, or twice. That it lets us
 * change the message proves that it is ours: then a click on it counts. The one that is not known yet is kept from now
 * on; a second one is taken out of use.
 */
async function isOurCopy(
  { actionId, place, messageId }: CardClick,
  here: readonly ShownMessage[],
  options: HandlerOptions,
): Promise<boolean> {
  // What a click says of its action comes from whoever clicks: the message of another action stays as it is.
  const address = { conversation: place.conversation, ts: messageId };
  if ((await options.store.keptAt(TEAMS_CHANNEL_NAME, address)) !== undefined) return false;
  const unknown = here.find(({ ts }) => ts === null);
  const view = unknown === undefined ? undefined : await options.viewOf(actionId);
  const card = view === undefined ? renderReplaced(actionId, options) : await cardOf(view, options);
  try {
    await options.api.update(place, messageId, card);
  } catch {
    return false;
  }
  if (unknown !== undefined)
    await options.store.adopt(
      { channelName: TEAMS_CHANNEL_NAME, subject: actionId, slot: unknown.slot },
      address,
      null,
    );
  return true;
}
