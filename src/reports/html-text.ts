import { visibleLine } from '../core/visible-text.js';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Untrusted text for between tags and in quoted attributes: nothing in it comes alive. */
export function escaped(text: string): string {
  return visibleLine(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/** `2026-11-22 12:00 UTC`. */
export function instant(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** A span in at most two units: `40 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function span(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${String(seconds)} s`;
  const [large, small, unit, rest]: [number, number, string, string] =
    seconds < 3_600 ? [60, 1, 'min', 's'] : seconds < 86_400 ? [3_600, 60, 'h', 'min'] : [86_400, 3_600, 'd', 'h'];
  const whole = Math.floor(seconds / large);
  const part = Math.floor((seconds % large) / small);
  return part === 0 ? `${String(whole)} ${unit}` : `${String(whole)} ${unit} ${String(part)} ${rest}`;
}

/** `92 %`. */
export function percent(share: number): string {
  return `${String(Math.round(share * 100))} %`;
}

/** A table of cells that are already HTML, or a sentence where there is none. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], empty: string): string {
  if (rows.length === 0) return `<p>${escaped(empty)}</p>`;
  const titles = head.map((title) => `<th scope="col">${escaped(title)}</th>`).join('');
  const body = rows.map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`).join('\n');
  return `<div class="scroll"><table><thead><tr>${titles}</tr></thead><tbody>${body}</tbody></table></div>`;
}

/** A name of a machine's. */
export function code(text: string): string {
  return `<code>${escaped(text)}</code>`;
}
