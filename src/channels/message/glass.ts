import type { Directory } from '../../directory/directory.js';
import { formatDuration } from '../../policy/duration.js';
import type { ActionView, BreakGlassView } from '../../record/action-view.js';
import type { AnnouncementEvent } from '../../contracts/activities.js';
import { viewUrl, type RenderContext } from './context.js';
import { personName, type Room } from './parts.js';
import { bold, clip, date, list, richText, section, text, type Inline, type RichTextBlock } from './rich-text.js';

/** Whether it runs, or ran, because people broke the glass. */
export function isBroken({ breakGlass }: ActionView): boolean {
  return breakGlass !== null && breakGlass.state !== 'offered';
}

/** That the glass may be broken, and where; or that it was, by whom and why, and what is owed for that. */
export function glassBlock(view: ActionView, context: RenderContext, room: Room): RichTextBlock[] {
  const { breakGlass, state } = view;
  if (breakGlass === null) return [];
  const link = (words: string): Inline => ({
    type: 'link',
    url: viewUrl(context.publicUrl, view.actionId),
    text: words,
  });
  if (room.decisions <= 1)
    return isBroken(view) ? [richText(section(...bold(briefly(view, context.directory, room))))] : [];
  const words = list(breakGlass.by.slice(0, room.decisions).map((who) => wordsOf(who, context.directory, room)));
  const said = breakGlass.by.length === 0 ? [] : [words];
  if (breakGlass.state === 'offered') {
    if (state !== 'waiting') return [];
    const open = clip(placesOf(breakGlass), room.textBytes);
    const more = breakGlass.by.length === 0 ? '' : ' more';
    const head = section(
      ...bold('When it burns: '),
      ...text(`${open}${more} can let it run at once by breaking the glass, in `),
      link('the full view'),
      ...text('.'),
    );
    return [richText(head, ...said)];
  }
  const head = section(
    ...bold('The glass was broken. '),
    ...text('It runs without the review that its policy demands.'),
  );
  return [richText(head, ...said, ...owedParts(view, breakGlass, { link, context, room }))];
}

/** Where there is hardly any room. */
function briefly({ breakGlass }: ActionView, directory: Directory, { textBytes }: Room): string {
  const who = (breakGlass?.by ?? []).map(({ person }) => personName(directory, person)).join(' and ');
  const open = breakGlass?.debt?.open ?? [];
  const owed = open.length === 0 ? '' : ` A review of that is owed by ${clip(namesOf(open), textBytes)}.`;
  return `The glass was broken by ${clip(who, textBytes)}.${owed}`;
}

function owedParts(
  { plan }: ActionView,
  { debt }: BreakGlassView,
  { link, context, room }: { link: (words: string) => Inline; context: RenderContext; room: Room },
): RichTextBlock['elements'] {
  if (debt === null) {
    const groups = clip(namesOf(plan?.stages.map(({ group }) => group) ?? []), room.textBytes);
    return [section(...bold('To be reviewed: '), ...text(`by ${groups}, ${withinOf(plan)}.`))];
  }
  const found = debt.retrospectives
    .slice(0, room.decisions)
    .map(({ person, groups, verdict, reason }): Inline[] => [
      ...bold(verdict === 'justified' ? 'Justified' : 'Not justified'),
      ...text(`, finds ${personName(context.directory, person)} for ${clip(namesOf(groups), room.textBytes)}: `),
      ...text(`“${clip(reason, room.textBytes)}”`),
    ]);
  const reviewed = found.length === 0 ? [] : [section(...bold('Reviewed since')), list(found)];
  if (debt.open.length === 0) return reviewed;
  const owed = section(
    ...bold('Review owed: '),
    ...text(`by ${clip(namesOf(debt.open), room.textBytes)}, due `),
    date(debt.dueAtMs),
    ...text(', in '),
    link('the full view'),
    ...text('. Until it is reviewed nobody breaks the glass again.'),
  );
  return [...reviewed, owed];
}

function wordsOf({ person, reason, atMs }: BreakGlassView['by'][number], directory: Directory, room: Room): Inline[] {
  return [
    ...text('Broken by '),
    ...bold(personName(directory, person)),
    ...text(', '),
    date(atMs),
    ...text(`: “${clip(reason, room.textBytes)}”`),
  ];
}

/** A line for the places where the action is shown. */
export interface GlassNote {
  /** Told once per slot. */
  slot: string;
  words: string;
  /** Groups whose members it calls on, but for those who have no say in it: see `mayReview`. */
  groups: readonly string[];
}

/** How a channel writes in a line. */
export interface Pen {
  /** Makes text that is not ours harmless. */
  text: (text: string) => string;
  date: (atMs: number) => string;
}

/** A line is short: the message itself has it all, and why they did. */
const NAMES_BYTES = 300;
const PEOPLE = 5;
const GROUPS = 10;

/** What there is to tell of a broken glass: that it was, each reminder of its review, and that it was given. */
export function glassNotes(
  view: ActionView,
  { event, number }: { event: AnnouncementEvent; number: number },
  { directory, pen }: { directory: Directory; pen: Pen },
): GlassNote[] {
  const { breakGlass, plan, round } = view;
  if (breakGlass === null || !isBroken(view)) return [];
  const { debt, by } = breakGlass;
  const nameOf = (person: string): string => pen.text(clip(personName(directory, person), NAMES_BYTES / PEOPLE));
  const who = by.slice(0, PEOPLE).map(({ person }) => nameOf(person));
  if (by.length > PEOPLE) who.push(`${String(by.length - PEOPLE)} more`);
  const groups = debt?.open ?? plan?.stages.map(({ group }) => group) ?? [];
  const payers = pen.text(clip(namesOf(groups), NAMES_BYTES));
  const when = debt === null ? withinOf(plan) : `until ${pen.date(debt.dueAtMs)}`;
  const review = groups.length === 0 ? '' : ` Members of ${payers} review that, ${when}.`;
  const notes: GlassNote[] = [
    {
      slot: `glass/${String(round)}`,
      words: `The glass was broken by ${who.join(' and ')}: it runs without the review that its policy demands. The message says why.${review}`,
      groups,
    },
  ];
  if (debt === null) return notes;
  const due = pen.date(debt.dueAtMs);
  const until = 'Until it is reviewed nobody breaks the glass again.';
  if (event === 'debt_reminded' && groups.length > 0)
    notes.push({
      slot: `glass/reminder/${String(number)}`,
      words: `Reminder: the broken glass still waits for a review by ${payers}, due ${due}. ${until}`,
      groups: [],
    });
  if (event === 'debt_overdue' && groups.length > 0)
    notes.push({
      slot: `glass/overdue/${String(number)}`,
      words: `Overdue: the review of the broken glass by ${payers} was due ${due}. ${until}`,
      groups,
    });
  if (breakGlass.state === 'paid') {
    const found = debt.retrospectives
      .slice(0, PEOPLE)
      .map(
        ({ person, verdict }) =>
          `${nameOf(person)} found it ${verdict === 'justified' ? 'justified' : 'not justified'}`,
      );
    notes.push({ slot: 'glass/paid', words: `The broken glass was reviewed: ${found.join('; ')}.`, groups: [] });
  }
  return notes;
}

/** Whether a member of a group that reviews it has a say: not who broke it, nor whom the plan bars. */
export function mayReview({ breakGlass, barred }: ActionView, person: string): boolean {
  const broke = [...(breakGlass?.by ?? []).map((one) => one.person), ...(breakGlass?.debt?.by ?? [])];
  return !broke.includes(person) && !barred.some((entry) => entry.person === person);
}

function placesOf({ open }: BreakGlassView): string {
  return open
    .slice(0, GROUPS)
    .map(({ group, places }) => `${String(places)} of ${group}`)
    .join(' and ');
}

function withinOf(plan: ActionView['plan']): string {
  return plan?.breakGlass === undefined ? 'soon' : `within ${formatDuration(plan.breakGlass.reviewWithinMs)}`;
}

function namesOf(groups: readonly string[]): string {
  const more = groups.length > GROUPS ? ` and ${String(groups.length - GROUPS)} more` : '';
  return `${groups.slice(0, GROUPS).join(', ')}${more}`;
}
