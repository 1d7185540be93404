import { DIFFERENCE_WORDS, itemsLeftOut } from '../../core/difference-words.js';
import type { Flag, Severity } from '../../core/schemas/action.js';
import type { Difference } from '../../core/schemas/difference.js';
import { gravestFirst } from '../../core/severity.js';
import type { Directory } from '../../directory/directory.js';
import { describePlan } from '../../policy/review-plan.js';
import type { ActionView } from '../../record/action-view.js';
import { visibleText } from '../../core/visible-text.js';
import { viewUrl, type RenderContext } from './context.js';
import {
  bold,
  bytesOf,
  clip,
  date,
  emoji,
  list,
  preformatted,
  richText,
  section,
  text,
  type Inline,
  type RichTextBlock,
  type RichTextPart,
} from './rich-text.js';

/** How much room the parts around the content may take; a message takes the widest that fits. */
export interface Room {
  /** How many risks, how much of each in bytes. */
  flags: number;
  flagBytes: number;
  /** Of what differs from the round before: how many facts and risks, how much of each, how many bytes of lines. */
  differences: { items: number; textBytes: number; lineBytes: number };
  decisions: number;
  facts: number;
  /** Longest other text from agents, targets, people or policy, in bytes. */
  textBytes: number;
}

/** A person's name as the directory has it. */
export function personName(directory: Directory, id: string): string {
  return directory.person(id)?.name ?? id;
}

/** Who asks, for whom, for what. */
export function askedBlock(view: ActionView, { directory, publicUrl }: RenderContext): RichTextBlock {
  const agent = directory.agent(view.request.agent);
  const who: Inline[] = [
    ...bold(agent?.name ?? view.request.agent),
    ...text(agent === undefined ? ' (an agent that the directory does not list)' : ` (agent ${agent.id}), owned by `),
    ...(agent === undefined ? [] : bold(personName(directory, agent.owner))),
    ...text(`, asks for ${view.request.operation}`),
    ...text(view.target === null ? '.' : ` on ${view.target.name} (${view.target.environment}).`),
    ...replacedPart(view, publicUrl),
  ];
  const summary = view.preview === null ? [] : [section(...text(clip(view.preview.summary, 900)))];
  return richText(section(...who), ...summary);
}

/** Where the action can be read in whose place this one is asked for. */
function replacedPart({ request: { replaces } }: ActionView, publicUrl: string): Inline[] {
  if (replaces === undefined) return [];
  return [
    ...text(' Asked in the place of '),
    { type: 'link', url: viewUrl(publicUrl, replaces), text: `action ${replaces}` },
    ...text('.'),
  ];
}

const SEVERITY_SIGNS: Readonly<Record<Severity, string>> = {
  critical: 'rotating_light',
  high: 'red_circle',
  medium: 'large_orange_circle',
  low: 'large_yellow_circle',
  info: 'information_source',
};

/** Risks, gravest first; those that do not fit are counted. */
export function flagsBlock(view: ActionView, url: string, room: Room): RichTextBlock[] {
  if (view.flags.length === 0) return [];
  const sorted = gravestFirst(view.flags);
  const shown = sorted.slice(0, room.flags);
  const items = shown.map((flag) => riskLine(flag, room.flagBytes));
  const left = sorted.slice(shown.length);
  const [gravest] = left;
  const rest =
    gravest === undefined
      ? []
      : [
          section(
            ...text(
              `Left out here: ${String(left.length)} more risk${left.length === 1 ? '' : 's'}, the gravest ${gravest.severity}; see `,
            ),
            { type: 'link', url, text: 'the full view' },
            ...text('.'),
          ),
        ];
  return [richText(section(...bold('Risks found')), list(items), ...rest)];
}

function riskLine({ severity, code, sentence }: Flag, maxBytes: number): Inline[] {
  return [
    emoji(SEVERITY_SIGNS[severity]),
    ...bold(` ${severity} `),
    ...text(code, { code: true }),
    ...text(` ${clip(sentence, maxBytes)}`),
  ];
}

/** What policy demands. */
export function policyBlock(view: ActionView, room: Room): RichTextBlock[] {
  if (view.plan === null) return [];
  const names = clip(shortList(view.plan.policies), room.textBytes);
  const bundle = view.policy === null ? '' : ` of bundle ${String(view.policy.number)}`;
  const because = view.plan.policies.length === 0 ? '' : ` By ${names}${bundle}.`;
  return [
    richText(section(...bold('Policy: '), ...text(`${clip(describePlan(view.plan), 2 * room.textBytes)}${because}`))),
  ];
}

/** Why the review is open again, and what differs from the round before. */
export function reopenedBlock({ reopened, round }: ActionView, url: string, room: Room): RichTextBlock[] {
  if (reopened === null) return [];
  const why = `${clip(reopened.message, room.textBytes)} ${DIFFERENCE_WORDS.decisions}`;
  return [
    richText(
      section(...bold(`Review ${String(round)}: `), ...text(why)),
      ...(reopened.difference === null ? [] : differenceParts(reopened.difference, url, room.differences)),
    ),
  ];
}

/** What would happen now against what people were shown before; what does not fit is counted. */
function differenceParts(
  { plan = [], flagsAdded, facts, flagsGone, itemsLeftOut: unrecorded, content, contentLinesLeftOut }: Difference,
  url: string,
  room: Room['differences'],
): RichTextPart[] {
  const told = (value: string | null): string =>
    value === null ? DIFFERENCE_WORDS.absent : clip(value, room.textBytes);
  const changed = ({ label, before, now }: Difference['facts'][number], about = ''): Inline[] => [
    ...bold(`${about}${clip(label, room.textBytes)}: `),
    ...text(`${DIFFERENCE_WORDS.before} ${told(before)}\n${DIFFERENCE_WORDS.now} ${told(now)}`),
  ];
  const items: Inline[][] = [
    ...plan.map((term) => changed(term, `${DIFFERENCE_WORDS.plan}: `)),
    ...flagsAdded.map((flag) => [...bold(`${DIFFERENCE_WORDS.riskAdded}: `), ...riskLine(flag, room.textBytes)]),
    ...facts.map((fact) => changed(fact)),
    ...flagsGone.map((flag) => [...bold(`${DIFFERENCE_WORDS.riskGone}: `), ...riskLine(flag, room.textBytes)]),
  ];
  const shown = items.slice(0, room.items);
  const lines = content === null ? [] : content.split('\n');
  const fitting = linesWithin(lines, room.lineBytes);
  const left = [
    items.length === shown.length ? '' : `${(items.length - shown.length).toLocaleString('en-US')} more differences`,
    lines.length === fitting.length
      ? ''
      : `${(lines.length - fitting.length).toLocaleString('en-US')} lines of what differs in the content`,
  ].filter((words) => words !== '');
  const notes = [
    itemsLeftOut(unrecorded),
    contentLinesLeftOut === 0 ? '' : `${contentLinesLeftOut.toLocaleString('en-US')} more lines of the content differ.`,
  ].filter((words) => words !== '');
  const same = items.length + unrecorded === 0 && content === null;
  return [
    section(...bold(DIFFERENCE_WORDS.title)),
    ...(same ? [section(...text(DIFFERENCE_WORDS.same))] : []),
    ...(shown.length === 0 ? [] : [list(shown)]),
    ...(fitting.length === 0 ? [] : [preformatted(fitting.join('\n'))]),
    ...notes.map((words) => section(...text(words))),
    ...(left.length === 0
      ? []
      : [
          section(
            ...text(`Left out here: ${left.join(', ')}; see `),
            { type: 'link', url, text: 'the full view' },
            ...text('.'),
          ),
        ]),
  ];
}

function linesWithin(lines: readonly string[], maxBytes: number): string[] {
  let bytes = 0;
  const end = lines.findIndex((line) => (bytes += bytesOf([visibleText(line)])) > maxBytes);
  return lines.slice(0, end === -1 ? lines.length : end);
}

/** `Approved`, `Denied`, `Glass broken`. */
export function decisionWord({ decision, breakGlass }: ActionView['decisions'][number]): string {
  if (breakGlass === true) return 'Glass broken';
  return decision === 'approve' ? 'Approved' : 'Denied';
}

/** The decisions that count so far, and the places still open. */
export function waitingBlock(view: ActionView, directory: Directory, room: Room): RichTextBlock[] {
  const current = view.decisions.filter((decision) => decision.current);
  const decided = current
    .slice(0, room.decisions)
    .map((decision): Inline[] => [
      emoji(decision.breakGlass ? 'rotating_light' : decision.decision === 'approve' ? 'white_check_mark' : 'no_entry'),
      ...text(` ${decisionWord(decision)} by `),
      ...bold(personName(directory, decision.person)),
      ...text(` (${clip(shortList(decision.groups), room.textBytes)}) in ${decision.channel}, `),
      date(decision.decidedAtMs),
      ...text(decision.reason === '' ? '' : `, who says: “${clip(decision.reason, room.textBytes)}”`),
    ]);
  const head =
    current.length > decided.length
      ? `Decisions (${String(decided.length)} of ${String(current.length)})`
      : 'Decisions';
  const parts = decided.length === 0 ? [] : [section(...bold(head)), list(decided)];
  if (view.state === 'waiting' && view.quorum !== null && current.every(({ decision }) => decision === 'approve')) {
    const open = view.quorum.open.map(({ group, places }) => `${String(places)} of ${group}`).join(' and ');
    const helpers = view.escalated.map(({ group }) => group);
    const escalated =
      helpers.length === 0 ? '' : ` Escalated: members of ${shortList(helpers)} may fill an open place too.`;
    parts.push(
      section(...bold('Waiting for: '), ...text(`${clip(open, room.textBytes)}.${clip(escalated, room.textBytes)}`)),
    );
  }
  return parts.length === 0 ? [] : [richText(...parts)];
}

function shortList(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${shown} and ${String(names.length - 5)} more` : shown;
}
