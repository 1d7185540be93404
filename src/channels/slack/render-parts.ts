import type { Severity } from '../../core/schemas/action.js';
import type { Directory } from '../../directory/directory.js';
import { describePlan } from '../../policy/review-plan.js';
import type { ActionView } from '../../record/action-view.js';
import { bold, clip, date, emoji, list, richText, section, text, type Inline, type RichTextBlock } from './blocks.js';

/** How much room the parts around the content may take; a message takes the widest that fits. */
export interface Room {
  flags: number;
  decisions: number;
  facts: number;
  /** Longest single text from agents, targets, people or policy, in bytes. */
  textBytes: number;
}

/** A person's name as the directory has it. */
export function personName(directory: Directory, id: string): string {
  return directory.person(id)?.name ?? id;
}

/** Who asks, for whom, for what. */
export function askedBlock(view: ActionView, directory: Directory): RichTextBlock {
  const agent = directory.agent(view.request.agent);
  const who: Inline[] = [
    ...bold(agent?.name ?? view.request.agent),
    ...text(agent === undefined ? ' (an agent that the directory does not list)' : ` (agent ${agent.id}), owned by `),
    ...(agent === undefined ? [] : bold(personName(directory, agent.owner))),
    ...text(`, asks for ${view.request.operation}`),
    ...text(view.target === null ? '.' : ` on ${view.target.name} (${view.target.environment}).`),
  ];
  const summary = view.preview === null ? [] : [section(...text(clip(view.preview.summary, 900)))];
  return richText(section(...who), ...summary);
}

const SEVERITY_SIGNS: Readonly<Record<Severity, { emoji: string; rank: number }>> = {
  critical: { emoji: 'rotating_light', rank: 0 },
  high: { emoji: 'red_circle', rank: 1 },
  medium: { emoji: 'large_orange_circle', rank: 2 },
  low: { emoji: 'large_yellow_circle', rank: 3 },
  info: { emoji: 'information_source', rank: 4 },
};

/** Risks, gravest first; those that do not fit are counted by severity. */
export function flagsBlock(view: ActionView, url: string, room: Room): RichTextBlock[] {
  if (view.flags.length === 0) return [];
  const sorted = [...view.flags].sort((a, b) => SEVERITY_SIGNS[a.severity].rank - SEVERITY_SIGNS[b.severity].rank);
  const shown = sorted.slice(0, room.flags);
  const items = shown.map((flag): Inline[] => [
    emoji(SEVERITY_SIGNS[flag.severity].emoji),
    ...bold(` ${flag.severity} `),
    ...text(flag.code, { code: true }),
    ...text(` ${clip(flag.sentence, room.textBytes)}`),
  ]);
  const left = sorted.slice(shown.length);
  const [gravest] = left;
  const rest =
    gravest === undefined
      ? []
      : [
          section(
            ...text(`Left out here: ${String(left.length)} more risks, the gravest ${gravest.severity}; see `),
            { type: 'link', url, text: 'the full view' },
            ...text('.'),
          ),
        ];
  return [richText(section(...bold('Risks found')), list(items), ...rest)];
}

/** What policy demands, and why the review is open again. */
export function policyBlock(view: ActionView, room: Room): RichTextBlock[] {
  if (view.plan === null) return [];
  const names = clip(shortList(view.plan.policies), room.textBytes);
  const bundle = view.policy === null ? '' : ` of bundle ${String(view.policy.number)}`;
  const because = view.plan.policies.length === 0 ? '' : ` By ${names}${bundle}.`;
  const parts = [
    section(...bold('Policy: '), ...text(`${clip(describePlan(view.plan), 2 * room.textBytes)}${because}`)),
  ];
  if (view.reopened !== null) {
    parts.push(
      section(
        ...bold(`Review ${String(view.round)}: `),
        ...text(`${clip(view.reopened.message, room.textBytes)} Earlier decisions no longer count.`),
      ),
    );
  }
  return [richText(...parts)];
}

/** The decisions that count so far, and the places still open. */
export function waitingBlock(view: ActionView, directory: Directory, room: Room): RichTextBlock[] {
  const current = view.decisions.filter((decision) => decision.current);
  const decided = current
    .slice(0, room.decisions)
    .map((decision): Inline[] => [
      emoji(decision.decision === 'approve' ? 'white_check_mark' : 'no_entry'),
      ...text(` ${decision.decision === 'approve' ? 'Approved' : 'Denied'} by `),
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
