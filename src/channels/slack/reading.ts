import { Refusal } from '../../core/errors.js';
import type { ActionView } from '../../record/action-view.js';
import type { LogText } from '../../record/log-text.js';
import { viewUrl } from '../message/context.js';
import { pagesOf, type Pages } from '../message/pages.js';
import { attempt, wordsFor, type Ending } from '../attempt.js';
import { authorise, checkOurs, viaOf, type HandlerOptions, type PlacedEnding } from './handlers.js';
import { memberOf, personOf } from './identity.js';
import type { ButtonClick, PageClick } from './interaction.js';
import { SlackFault } from './slack-api.js';
import { MOST_PAGES, noticeModal, pageModal, readingSeal, type ReadingContext } from './read-modal.js';

export interface ReadingOptions extends HandlerOptions {
  /** What is on record of an action, and its log; undefined when there is no such action. */
  readAction: (actionId: string) => Promise<{ view: ActionView; log: LogText | null } | undefined>;
  /** Without a trailing slash. */
  publicUrl: string;
}

/** "Read all here" was clicked: shows the first page. Never rejects. */
export function openPages(click: ButtonClick, options: ReadingOptions): Promise<Ending> {
  const { api, signingSecret, clock, publicUrl } = options;
  return attempt(
    async () => {
      await memberOf(click.user, options);
      await checkOurs(click, options);
      const { view, pages } = await read(click.actionId, options);
      const { actionId, actionDigest, conversation, messageTs } = click;
      if (view.actionDigest !== actionDigest) throw changed();
      const total = pages.pages.length;
      if (total > MOST_PAGES) {
        const words = `This is ${String(total)} pages long, too long to be read here: read it in the full view.`;
        await api.openView(click.triggerId, noticeModal(words, viewUrl(publicUrl, actionId)));
        return;
      }
      const context = {
        actionId,
        actionDigest,
        round: view.round,
        conversation,
        messageTs,
        pagesDigest: pages.digest,
        page: 1,
      };
      const metadata = readingSeal(signingSecret).seal(context, click.user, clock());
      await api.openView(click.triggerId, pageModal(view, pages, { page: 1, metadata, publicUrl }));
    },
    async () => '',
  );
}

/** A button in the pages was clicked: turns by one page, or approves on the last one. Never rejects. */
export async function onPageClick(click: PageClick, options: ReadingOptions): Promise<PlacedEnding> {
  const placed: { context: ReadingContext | null } = { context: null };
  const ending = await attempt(
    async () => {
      const { user, privateMetadata } = click;
      const context = readingSeal(options.signingSecret).open(privateMetadata, user, options.clock());
      placed.context = context;
      const person =
        click.button === 'approve' ? await authorise({ ...context, user }, options) : await personOf(user, options);
      const { view, pages } = await read(context.actionId, options);
      const isSame =
        view.actionDigest === context.actionDigest &&
        view.round === context.round &&
        pages.digest === context.pagesDigest;
      if (!isSame) throw changed();
      if (click.button === 'approve' && context.page !== pages.pages.length)
        throw new Refusal('forbidden', 'Read all pages first: Approve is on the last one.', 'page');
      return { context, person, view, pages };
    },
    async ({ context, person, view, pages }) => {
      if (click.button !== 'approve') return turn(click, context, { view, pages }, options);
      const { actionId, actionDigest } = context;
      const via = viaOf(click.user, `${click.viewId}/${click.clickTs}`);
      return wordsFor(
        await options.decisions.decide({ actionId, actionDigest, decision: 'approve', reason: '', person, via }),
      );
    },
  );
  const { context } = placed;
  // A page that could not be turned leaves the one that is shown.
  const isLast = click.button === 'approve' || ending.refusal !== null;
  if (context === null || ending.words === '' || !isLast)
    return { ...ending, conversation: context?.conversation ?? null };
  const shown = await showEnding(click, ending, context, options);
  return { ...ending, words: shown ? '' : ending.words, conversation: context.conversation };
}

/** By one page, and only to where the seal of the page before leads. */
async function turn(
  { button, user, viewId, viewHash }: PageClick,
  context: ReadingContext,
  { view, pages }: { view: ActionView; pages: Pages },
  { api, signingSecret, clock, publicUrl }: ReadingOptions,
): Promise<string> {
  const page = context.page + (button === 'next' ? 1 : -1);
  if (page < 1 || page > pages.pages.length) return '';
  const metadata = readingSeal(signingSecret).seal({ ...context, page }, user, clock());
  // With the hash: of two quick clicks the second finds another page than it was made on.
  try {
    await api.updateView(viewId, viewHash, pageModal(view, pages, { page, metadata, publicUrl }));
    return '';
  } catch (error) {
    if (!(error instanceof SlackFault)) throw error;
    return error.slackCode === 'hash_conflict' ? '' : 'Slack did not take the next page. Please press again.';
  }
}

/** In the modal, where the person looks; false when Slack did not take it. */
async function showEnding(
  { viewId }: PageClick,
  { words }: Ending,
  { actionId }: ReadingContext,
  { api, publicUrl }: ReadingOptions,
): Promise<boolean> {
  try {
    await api.updateView(viewId, null, noticeModal(words, viewUrl(publicUrl, actionId)));
    return true;
  } catch {
    // It was closed, perhaps: the words go to the conversation then.
    return false;
  }
}

async function read(actionId: string, options: ReadingOptions): Promise<{ view: ActionView; pages: Pages }> {
  const { readAction, directory, publicUrl } = options;
  const found = await readAction(actionId);
  if (found === undefined) throw new Refusal('action_unknown', 'There is no such action.', 'actionId');
  return { view: found.view, pages: pagesOf(found.view, { directory: directory(), publicUrl, log: found.log }) };
}

function changed(): Refusal {
  const message =
    'The action, or what is known of it, has changed since this was shown. Close this, and read it again.';
  return new Refusal('digest_mismatch', message, 'actionDigest');
}
