import { visibleLine } from '../../core/visible-text.js';
import type {
  ApproverChange,
  BundleComparison,
  CaseExample,
  DemandChange,
  Effect,
  PartChange,
  ReplayResult,
  RuleChange,
  Scope,
} from './comparison.js';
import { describeAnswers } from './describe-answer.js';
import { isLoosening } from './effects.js';
import { lineChanges } from './line-changes.js';

/** How a line stands out where there is colour; plain text does without. */
export type Tone = 'plain' | 'heading' | 'looser' | 'stricter' | 'quiet';

/** A line for people. Texts of the bundle are made visible already. */
export interface ToldLine {
  text: string;
  tone: Tone;
}

/** The comparison as lines: for the content of a preview, and for terminals. */
export function describeComparison(comparison: BundleComparison): ToldLine[] {
  const { before, after, effect, because, rules, demands, asking, approving, parts } = comparison;
  const lines = [
    heading(`Bundle ${named(before)} → bundle ${named(after)}`),
    { text: VERDICTS[effect], tone: toneOf(effect) },
    ...because.map((sentence) => told(`  - ${sentence}`)),
    ...section('Who may approve', approving.flatMap(approvers)),
    ...section('What is demanded', demands.flatMap(demand)),
    ...section(
      'What agents may ask for',
      asking.map((each) =>
        each.change === 'gained'
          ? told(`  + ${scope(each)}: may ask`, 'looser')
          : told(`  - ${scope(each)}: may not ask any more`, 'stricter'),
      ),
    ),
    ...section('Rules', rules.flatMap(ruleLines)),
    ...section('People, agents, targets and settings', parts.map(partLine)),
  ];
  return lines;
}

/** The replay as lines. */
export function describeReplay({ replayed, differing, counts, differences }: ReplayResult): ToldLine[] {
  const count = replayed === 1 ? 'one recorded request' : `${String(replayed)} recorded requests`;
  const say = ({ automatic, reviewed, refused }: ReplayResult['counts']['before']): string =>
    `${String(reviewed)} reviewed, ${String(automatic)} automatic, ${String(refused)} refused`;
  return [
    heading(`Of ${count}, ${differing === 0 ? 'none' : String(differing)} would be answered otherwise`),
    told(`  before: ${say(counts.before)}`, 'quiet'),
    told(`  after:  ${say(counts.after)}`, 'quiet'),
    ...differences.flatMap(({ actionId, agent, operation, target, summary, outcome, note, effect }) => [
      told(`  ${actionId}  ${agent} · ${operation} · ${target.name} (${target.environment})  ${outcome ?? 'open'}`),
      told(`    ${summary}`, 'quiet'),
      told(`    ${note}`, toneOf(effect)),
    ]),
  ];
}

const VERDICTS: Readonly<Record<Effect, string>> = {
  loosening: 'This change LOOSENS policy, or cannot be shown not to:',
  tightening: 'This change TIGHTENS policy, and loosens nothing:',
  both: 'This change LOOSENS policy in some places, or cannot be shown not to, and TIGHTENS it in others:',
  neutral: 'This change neither loosens nor tightens policy.',
};

function toneOf(effect: Effect): Tone {
  if (isLoosening(effect)) return 'looser';
  return effect === 'tightening' ? 'stricter' : 'plain';
}

function named({ digest, number }: BundleComparison['before']): string {
  return `${String(number)} (${digest.slice(0, 12)})`;
}

function heading(text: string): ToldLine {
  return { text, tone: 'heading' };
}

function told(text: string, tone: Tone = 'plain'): ToldLine {
  return { text: visibleLine(text), tone };
}

function section(title: string, lines: readonly ToldLine[]): ToldLine[] {
  return lines.length === 0 ? [] : [told(''), heading(title), ...lines];
}

function scope({ agents, operation, targets }: Scope): string {
  const where = targets.map(({ name, environment }) => `${name} (${environment})`);
  return `${agents.join(', ')} · ${operation} · ${where.join(', ')}`;
}

function approvers({ gained, lost, before, after, ...where }: ApproverChange): ToldLine[] {
  return [
    told(`  ${scope(where)}`),
    ...(gained.length === 0 ? [] : [told(`    + ${inPart(gained, before, 'in part before')}`, 'looser')]),
    ...(lost.length === 0 ? [] : [told(`    - ${inPart(lost, after, 'in part still')}`, 'stricter')]),
    told(`    in all: ${before.join(', ') || 'nobody'} → ${after.join(', ') || 'nobody'}`, 'quiet'),
  ];
}

/** Who is on both sides gained, or lost, only some cases or some places. */
function inPart(people: readonly string[], others: readonly string[], words: string): string {
  return people.map((person) => (others.includes(person) ? `${person} (${words})` : person)).join(', ');
}

function demand({ effect, casesDiffering, casesCompared, examples, ...where }: DemandChange): ToldLine[] {
  return [
    told(
      `  ${scope(where)}: ${WORDS[effect]} in ${String(casesDiffering)} of ${String(casesCompared)} cases`,
      toneOf(effect),
    ),
    ...examples.map((each) =>
      told(`    ${found(each)}: ${describeAnswers(each.before, each.after)}`, toneOf(each.effect)),
    ),
  ];
}

const WORDS: Readonly<Record<Effect, string>> = {
  loosening: 'looser',
  tightening: 'stricter',
  both: 'otherwise',
  neutral: 'the same',
};

function found({ flags }: CaseExample): string {
  const [worst] = flags;
  if (worst === undefined) return 'with no flag';
  return `with ${flags.map(({ code }) => code).join(' + ')} (${worst.severity})`;
}

function ruleLines({ id, kind, effect, judged, rule, file, notes, before, after }: RuleChange): ToldLine[] {
  const judgement =
    effect === 'neutral' ? 'means the same' : `${WORDS[effect]}${judged ? '' : ', as far as can be told'}`;
  return [
    told(`  ${kind} ${rule} "${id}" in ${file}: ${judgement}`, toneOf(effect)),
    ...notes.map((note) => told(`    ${note}`)),
    ...lineChanges(before ?? '', after ?? '').map(({ sign, line }) =>
      told(`      ${sign} ${line}`, sign === '+' || sign === '-' ? 'plain' : 'quiet'),
    ),
  ];
}

function partLine({ part, name, note, effect }: PartChange): ToldLine {
  return told(`  ${[part, name].filter((text) => text !== '').join(' ')}: ${note}`, toneOf(effect));
}
