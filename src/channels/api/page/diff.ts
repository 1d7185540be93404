import { diffTones, type DiffTone } from '../../../core/diff-tone.js';
import { DIFFERENCE_WORDS, itemsLeftOut } from '../../../core/difference-words.js';
import type { Flag } from '../../../core/schemas/action.js';
import type { Difference } from '../../../core/schemas/statements.js';
import { html, type Html } from './html.js';

const TONE_CLASSES: Readonly<Record<DiffTone, string>> = {
  added: ' added',
  removed: ' removed',
  heading: ' heading',
  same: '',
};

/** A diff, each line in the colour of what it does; whole. */
export function diffBlock(text: string): Html {
  return lineBlock(text, diffTones(text.split('\n')));
}

/** Text of many lines, whole: the rest of a line that is too long for the screen does not look like another line. */
export function lineBlock(text: string, tones: readonly DiffTone[] = []): Html {
  const lines = text
    .split('\n')
    .map((line, index) => html`<span class="line${TONE_CLASSES[tones[index] ?? 'same']}">${line}${'\n'}</span>`);
  return html`<pre class="lines">${lines}</pre>`;
}

/** What would happen now against what people were shown before. */
export function differenceList(difference: Difference): Html {
  const { facts, flagsAdded, flagsGone, itemsLeftOut: left, content, contentLinesLeftOut } = difference;
  const risks = [
    ...flagsAdded.map((flag) => risk(DIFFERENCE_WORDS.riskAdded, flag)),
    ...flagsGone.map((flag) => risk(DIFFERENCE_WORDS.riskGone, flag)),
  ];
  const changed = facts.map(
    ({ label, before, now }) =>
      html`<dt>${label}</dt>
        <dd><del>${was(DIFFERENCE_WORDS.before, before)}</del><ins>${was(DIFFERENCE_WORDS.now, now)}</ins></dd>`,
  );
  const parts = [
    ...(risks.length === 0
      ? []
      : [
          html`<ul>
            ${risks}
          </ul>`,
        ]),
    ...(changed.length === 0 ? [] : [html`<dl>${changed}</dl>`]),
    ...(left === 0 ? [] : [html`<p class="small">${itemsLeftOut(left)}</p>`]),
    ...(content === null ? [] : [diffBlock(content)]),
    ...(contentLinesLeftOut === 0
      ? []
      : [
          html`<p class="small">
            ${contentLinesLeftOut.toLocaleString('en-US')} more lines differ; the content below is whole.
          </p>`,
        ]),
  ];
  return html`${parts.length === 0 ? html`<p>${DIFFERENCE_WORDS.same}</p>` : parts}`;
}

function risk(word: string, { severity, sentence, code }: Flag): Html {
  return html`<li>
    ${word}: <strong class="${severity}">${severity}</strong> ${sentence} <span class="small">(${code})</span>
  </li>`;
}

/** In words too: colours alone say nothing to who cannot tell them apart. */
function was(when: string, value: string | null): Html {
  return html`<span class="small">${when}</span> ${value ?? DIFFERENCE_WORDS.absent}`;
}
