import { DIFFERENCE_WORDS, itemsLeftOut } from '../../../src/core/difference-words.js';
import type { Flag } from '../../../src/core/schemas/action.js';
import { visibleLine, visibleText } from '../../../src/core/visible-text.js';
import type { ActionView } from '../../../src/record/action-view.js';
import { block } from './layout.js';
import { quotedContent } from './quoted.js';
import type { Style } from './style.js';

/** What would happen now against what people were shown before: the lines under `What differs …`. */
export function differenceLines({ reopened }: ActionView, look: { width: number; style: Style }): string[] {
  const difference = reopened?.difference ?? null;
  if (difference === null) return [];
  const { style, width } = look;
  const said = (text: string): string[] => block(text, { margin: '  ', width });
  const risk = (word: string, { severity, sentence, code }: Flag): string[] =>
    said(`${word} (${severity}): ${visibleLine(sentence)} [${visibleLine(code)}]`);
  const value = (sign: '-' | '+', text: string | null): string[] =>
    block(text === null ? DIFFERENCE_WORDS.absent : visibleText(text), { margin: `    ${sign} `, width });
  const demanded = (difference.plan ?? []).map((term) => ({
    ...term,
    label: `${DIFFERENCE_WORDS.plan}: ${term.label}`,
  }));
  const items = [
    ...difference.flagsAdded.flatMap((flag) => risk(DIFFERENCE_WORDS.riskAdded, flag).map(style.red)),
    ...[...demanded, ...difference.facts].flatMap(({ label, before, now }) => [
      ...said(visibleLine(label)),
      ...value('-', before).map(style.red),
      ...value('+', now).map(style.green),
    ]),
    ...difference.flagsGone.flatMap((flag) => risk(DIFFERENCE_WORDS.riskGone, flag)),
    ...(difference.itemsLeftOut === 0 ? [] : said(itemsLeftOut(difference.itemsLeftOut))),
  ];
  const content =
    difference.content === null ? [] : quotedContent({ language: 'diff', text: difference.content }, look);
  const left = difference.contentLinesLeftOut.toLocaleString('en-US');
  const rest = left === '0' ? [] : said(`${left} more lines differ; the content below is whole.`);
  const lines = [...items, ...content, ...rest];
  return lines.length === 0 ? said(DIFFERENCE_WORDS.same) : lines;
}
