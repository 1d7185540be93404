import type { ToldLine } from '../../../src/policy/compare/describe-comparison.js';
import { wrap } from '../render/layout.js';
import type { Style } from '../render/style.js';

/** Lines of a comparison, in colour where there is any; a long one goes on below its own beginning. */
export function renderTold(lines: readonly ToldLine[], { style, width }: { style: Style; width: number }): string[] {
  return lines.flatMap(({ text, tone }) => {
    const paint = {
      plain: (line: string) => line,
      heading: style.bold,
      looser: style.red,
      stricter: style.green,
      quiet: style.dim,
    }[tone];
    const margin = /^ */.exec(text)?.[0] ?? '';
    const [first = '', ...rest] = wrap(text.trimStart(), width - margin.length - 2);
    return [`${margin}${first}`, ...rest.map((line) => `${margin}  ${line}`)].map((line) =>
      line.trim() === '' ? '' : paint(line),
    );
  });
}
