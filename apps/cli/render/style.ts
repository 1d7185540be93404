import type { CliContext, Output } from '../context.js';

/** Makes text stand out, or leaves it as it is. Give it text that is already visible (`visibleText`). */
export type Style = Record<'bold' | 'dim' | 'red' | 'yellow' | 'green' | 'cyan', (text: string) => string>;

const CODES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  yellow: [33, 39],
  green: [32, 39],
  cyan: [36, 39],
} as const;

export function createStyle(colour: boolean): Style {
  const of = ([on, off]: readonly [number, number]) => {
    return (text: string): string => (colour ? `\u001B[${String(on)}m${text}\u001B[${String(off)}m` : text);
  };
  return {
    bold: of(CODES.bold),
    dim: of(CODES.dim),
    red: of(CODES.red),
    yellow: of(CODES.yellow),
    green: of(CODES.green),
    cyan: of(CODES.cyan),
  };
}

/** Colour only on a terminal that takes it, and never against NO_COLOR (https://no-color.org). */
export function styleFor({ environment }: CliContext, output: Output): Style {
  return createStyle(output.isTty && environment.NO_COLOR === undefined && environment.TERM !== 'dumb');
}

const WIDTH_WITHOUT_TERMINAL = 100;
const NARROWEST = 40;
const WIDEST = 140;

/** Characters to a line: the terminal's, within what is readable. */
export function widthOf(output: Output): number {
  return Math.min(WIDEST, Math.max(NARROWEST, output.columns ?? WIDTH_WITHOUT_TERMINAL));
}
