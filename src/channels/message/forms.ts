import { describeRedactions } from '../../core/redact.js';
import type { ActionView } from '../../record/action-view.js';
import type { Directory } from '../../directory/directory.js';
import type { LogText } from '../../record/log-text.js';
import {
  bold,
  cut,
  date,
  list,
  preformatted,
  quote,
  richText,
  section,
  text,
  type Inline,
  type RichTextBlock,
  type RichTextPart,
} from './rich-text.js';
import { personName } from './parts.js';

// What people judge by, in forms from the longest to the shortest: a message takes the longest that fits. What a form
// leaves out it counts, with a link to the full view. No form: there is nothing to show.

/** The agent's reason. */
export function reasonForms(view: ActionView, url: string): RichTextBlock[] {
  const { reason } = view.request;
  const head = section(...text("The agent's reason, in its own words and unverified:", { italic: true }));
  const forms = [reason.length, 1_000, 400, 120, 0].filter((chars) => chars <= reason.length);
  return forms.map((chars) => {
    const shown = cut(reason, chars);
    const left = reason.length - shown.length;
    const parts = shown === '' ? [] : [head, quote(shown)];
    return left === 0
      ? richText(...parts)
      : richText(...parts, leftOut(`${count(left)} characters of the agent's reason`, url));
  });
}

/** The facts of the preview. */
export function factForms(view: ActionView, url: string): RichTextBlock[] {
  const facts = view.preview?.facts ?? [];
  if (facts.length === 0) return [];
  const forms = [facts.length, 20, 10, 5, 2, 0].filter((number) => number <= facts.length);
  return [...new Set(forms)].map((number) => {
    const items = facts.slice(0, number).map(({ label, value }): Inline[] => [...bold(`${label}: `), ...text(value)]);
    const parts = items.length === 0 ? [] : [section(...bold('What the preview found')), list(items)];
    const left = facts.length - number;
    return left === 0
      ? richText(...parts)
      : richText(...parts, leftOut(`${count(left)} more facts of the preview`, url));
  });
}

/** Who else is affected, where the agent's run can be seen, and what the agent did before. */
export function backgroundForms(view: ActionView, url: string, directory: Directory): RichTextBlock[] {
  const { context, request } = view;
  const owners = (context?.owners ?? []).map((id) => personName(directory, id));
  const recent = context?.recent ?? [];
  const link = request.link === undefined ? [] : [linkLine(request.link)];
  if (owners.length === 0 && recent.length === 0 && link.length === 0) return [];
  const forms = [recent.length, 5, 2, 0].filter((number) => number <= recent.length);
  const long = [...new Set(forms)].map((number) => {
    const items = recent.slice(0, number).map(recentLine);
    const shown = items.length === 0 ? [] : [section(...bold("The agent's last actions")), list(items)];
    const left = recent.length - number;
    const rest = left === 0 ? [] : [leftOut(`${count(left)} earlier actions of the agent`, url)];
    return richText(...ownerLine(owners), ...link, ...shown, ...rest);
  });
  return [...long, richText(leftOut('who owns the target, and what the agent did before', url))];
}

const SHOWN_OWNERS = 5;

function ownerLine(owners: readonly string[]): RichTextPart[] {
  if (owners.length === 0) return [];
  const more = owners.length > SHOWN_OWNERS ? ` and ${count(owners.length - SHOWN_OWNERS)} more` : '';
  return [section(...bold('Owners of the target: '), ...text(`${owners.slice(0, SHOWN_OWNERS).join(', ')}${more}.`))];
}

/** Text, and no link: nobody has looked where it leads. */
function linkLine(link: string): RichTextPart {
  return section(...text('Untrusted link to its run: ', { italic: true }), ...text(link, { code: true }));
}

function recentLine({
  operation,
  target,
  outcome,
  concludedAtMs,
}: NonNullable<ActionView['context']>['recent'][number]): Inline[] {
  const what = target === null ? operation : `${operation} on ${target}`;
  return [...bold(outcome), ...text(`: ${what}, `), date(concludedAtMs)];
}

/** The end of the agent's log, or why there is none. */
export function logForms(view: ActionView, url: string, log: LogText | null): RichTextBlock[] {
  if (log === null) return [];
  if (!log.ok) return [richText(section(...text(log.because)))];
  const lines = log.text.replace(/\n+$/, '').split('\n');
  const redacted = describeRedactions(view.logs?.stored?.redactions ?? []);
  const note = redacted === null ? [] : [section(...text(redacted))];
  const head = section(...text("The end of the agent's own log, unverified:", { italic: true }));
  const forms = [20, 10, 5, 2, 0].map((number) => Math.min(number, lines.length));
  return [...new Set(forms)].map((number) => {
    const left = lines.length - number;
    const parts = number === 0 ? [] : [head, preformatted(lines.slice(-number).join('\n')), ...note];
    const rest = left === 0 ? [] : [leftOut(`${count(left)} earlier lines of the agent's log`, url)];
    return richText(...parts, ...rest);
  });
}

function leftOut(what: string, url: string) {
  return section(...text(`Left out here: ${what}; see `), { type: 'link', url, text: 'the full view' }, ...text('.'));
}

/** A number for people. */
export function count(number: number): string {
  return number.toLocaleString('en-US');
}
