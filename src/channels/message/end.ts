import type { Json } from '../../core/json.js';
import type { Outcome } from '../../core/schemas/action.js';
import type { Directory } from '../../directory/directory.js';
import type { ActionView } from '../../record/action-view.js';
import { bold, clip, date, list, richText, section, text, type Inline, type RichTextBlock } from './rich-text.js';
import { isBroken } from './glass.js';
import { personName, type Room } from './parts.js';

/** The one line that tells what this is and where it stands. */
export function headline(view: ActionView): string {
  const what =
    view.target === null
      ? view.request.operation
      : `${view.request.operation} on ${view.target.name} (${view.target.environment})`;
  switch (view.state) {
    case 'preparing':
      return `⏳ Being prepared: ${what}`;
    case 'waiting':
      return isDenied(view) ? `${OUTCOME_SIGNS.denied}: ${what}` : `🔏 Approval needed: ${what}`;
    case 'approved':
      return isBroken(view) ? `🚨 Glass broken, about to run: ${what}` : `🟢 Approved, about to run: ${what}`;
    case 'running':
      return isBroken(view) ? `🚨 Glass broken, running: ${what}` : `⏩ Running: ${what}`;
    case 'done': {
      const glass = isBroken(view) ? '🚨 Glass broken · ' : '';
      return `${glass}${view.outcome === null ? 'Closed' : OUTCOME_SIGNS[view.outcome.status]}: ${what}`;
    }
  }
}

/** Somebody denied it in this round; the receipt follows. */
export function isDenied(view: ActionView): boolean {
  return view.decisions.some(({ current, decision }) => current && decision === 'deny');
}

// Signs that need no variation selector: as any invisible character, it would be shown by name.
const OUTCOME_SIGNS: Readonly<Record<Outcome['status'], string>> = {
  succeeded: '✅ Done',
  effect_mismatch: '🚨 Not what was declared',
  failed: '❌ Failed',
  denied: '⛔ Denied',
  expired: '⌛ Expired, so denied',
  withdrawn: '🔙 Withdrawn by the agent',
  cancelled: '🛑 Cancelled',
  refused: '⛔ Refused',
  unknown: '❓ Outcome unknown',
  interrupted: '🛑 Interrupted',
};

/** Who, when, why in words, what came of it, and whether the lease is proven gone. Empty before the end. */
export function endBlocks(view: ActionView, directory: Directory, room: Room): RichTextBlock[] {
  const { outcome } = view;
  if (view.state !== 'done' || outcome === null) return [];
  const told: Inline[] = [...bold('Outcome: '), ...text(`${clip(outcome.message, 2 * room.textBytes)} `)];
  if (view.receipt !== null) told.push(...text('Concluded '), date(view.receipt.concludedAtMs), ...text('.'));
  const facts = factsOf(outcome.result ?? {});
  const parts = [section(...text(clip(story(view, directory), 2 * room.textBytes))), section(...told)];
  if (facts.length > 0)
    parts.push(
      list(
        facts.slice(0, room.facts).map(([name, value]) => [...bold(`${clip(name, 60)}: `), ...text(clip(value, 120))]),
      ),
    );
  parts.push(...incidentParts(view, room));
  parts.push(section(...bold('Lease: '), ...text(leaseWords(view))));
  return [richText(...parts)];
}

/** What was observed and not declared, and whether the agent was frozen for it. */
function incidentParts({ incidents, freeze }: ActionView, room: Room): ReturnType<typeof section>[] {
  if (incidents.length === 0) return [];
  const told = incidents.slice(0, room.facts).map(({ severity, sentence }) => `${severity}: ${sentence}`);
  const parts = [section(...bold('Incident: '), ...text(clip(told.join(' '), 2 * room.textBytes)))];
  if (freeze !== null) parts.push(section(...bold('Agent frozen: '), ...text(clip(freezeWords(freeze), 400))));
  return parts;
}

function freezeWords({ agent, lifted }: NonNullable<ActionView['freeze']>): string {
  if (lifted !== null) return `${agent} was frozen for this, and unfrozen by ${lifted.person}.`;
  return `nothing that ${agent} asks for runs until somebody unfreezes it (countersign unfreeze agent ${agent}).`;
}

/** E.g. `Asked by Data bot, approved by Ada Fischer and Bo Lind.` */
function story(view: ActionView, directory: Directory): string {
  const asked = `Asked by ${directory.agent(view.request.agent)?.name ?? view.request.agent}`;
  const by = (decision: 'approve' | 'deny', breakGlass?: true): string =>
    view.decisions
      .filter((taken) => taken.current && taken.decision === decision && taken.breakGlass === breakGlass)
      .map((taken) => personName(directory, taken.person))
      .slice(0, 10)
      .join(' and ');
  const approvers = by('approve');
  const deniers = by('deny');
  const breakers = by('approve', true);
  const steps = [asked];
  if (approvers !== '') steps.push(`approved by ${approvers}`);
  if (breakers !== '') steps.push(`the glass broken by ${breakers}`);
  if (deniers !== '') steps.push(`denied by ${deniers}`);
  if (approvers === '' && deniers === '' && breakers === '') {
    steps.push(
      view.plan !== null && view.plan.stages.length === 0 ? 'allowed by policy without a review' : 'decided by nobody',
    );
  }
  return `${steps.join(', ')}.`;
}

function leaseWords(view: ActionView): string {
  switch (view.lease) {
    case 'none':
      return 'no credential was ever leased to run it.';
    case 'open':
      return 'its end is not yet proven; this message is updated when it is.';
    case 'revoked': {
      const proofs = view.leases.flatMap((lease) => lease.proofs);
      const [first] = proofs;
      const more = first === undefined ? '' : ` (${clip(first.asked, 120)}: ${clip(first.answer, 120)})`;
      return `revoked, and its end proven by ${String(proofs.length)} answers${more}.`;
    }
  }
}

/** An entry of a list by its name, e.g. a column's. */
function nameOrJson(entry: Json): string {
  if (typeof entry === 'string') return entry;
  const named = typeof entry === 'object' && entry !== null && !Array.isArray(entry) ? entry['name'] : undefined;
  return typeof named === 'string' ? named : JSON.stringify(entry);
}

/** The result's scalars as `name: value`, one level of nesting flattened. */
function factsOf(result: Readonly<Record<string, Json>>, prefix = ''): [string, string][] {
  return Object.entries(result).flatMap(([name, value]): [string, string][] => {
    if (value === null) return [];
    if (typeof value !== 'object')
      return [[prefix + name, typeof value === 'number' ? value.toLocaleString('en-US') : String(value)]];
    if (Array.isArray(value)) return [[prefix + name, value.map(nameOrJson).join(', ')]];
    if (prefix !== '') return [[prefix + name, JSON.stringify(value)]];
    return factsOf(value, `${name}.`);
  });
}
