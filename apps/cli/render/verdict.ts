import { visibleLine } from '../../../src/core/visible-text.js';
import type { Look } from './action.js';
import { block } from './layout.js';

/** What was checked, what is not proven, and the verdict in one line. */
export interface ShownVerdict {
  ok: boolean;
  checks: readonly { ok: boolean; what: string }[];
  notProven?: readonly string[];
}

export function renderVerdict(
  { ok, checks, notProven = [] }: ShownVerdict,
  { style, width }: Look,
  verdict: { holds: string; fails: string },
): string[] {
  const item = (sign: string, text: string): string[] => {
    const [first = '', ...rest] = block(visibleLine(text), { margin: '  ', width });
    return [`${sign} ${first.trimStart()}`, ...rest];
  };
  return [
    ...checks.flatMap((check) => item(check.ok ? style.green('✓') : style.red('✗'), check.what)),
    ...(notProven.length === 0 ? [] : ['', 'Not proven:', ...notProven.flatMap((what) => item('-', what)), '']),
    ok ? verdict.holds : verdict.fails,
  ];
}
