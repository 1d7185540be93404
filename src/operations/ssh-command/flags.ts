import type { Flag } from '../../core/schemas/action.js';
import type { HostFacts } from '../../targets/ssh-host/facts.js';
import type { SshHostTarget } from '../../targets/ssh-host.js';
import { flag, listNames, productionFlag, unusualHourFlag } from '../common-flags.js';
import { isSwitcher, partsOf } from './command-line.js';
import { timeoutOf, type SshCommandParams } from './params.js';
import { RISKS } from './risks.js';

/** What the flags are decided by. */
export interface FlagInput {
  params: SshCommandParams;
  target: Pick<SshHostTarget, 'name' | 'environment' | 'hours' | 'user'>;
  facts: HostFacts;
  /** Earlier finished commands of this agent on this target. */
  pastCommands: number;
  nowMs: number;
}

const LONG_SECONDS = 600;

/** Groups whose members are root in all but name. */
const ROOT_GROUPS = ['root', 'sudo', 'wheel', 'admin', 'docker', 'lxd', 'libvirt', 'disk', 'shadow', 'adm'];

/** What a shell reads as more than a letter, with its meaning: shown with text that a shell will read. */
const METACHARACTERS: readonly (readonly [name: string, pattern: RegExp])[] = [
  ['several commands (; & && || line feed)', /[;&\n]|\|\|/],
  ['pipe |', /(?<!\|)\|(?!\|)/],
  ['redirection < >', /[<>]/],
  ['command substitution $(…) `…`', /\$\(|`/],
  ['variable $', /\$[A-Za-z_{0-9@*#?!-]/],
  ['file names * ? [', /[*?[]/],
  ['quotes and backslash', /['"\\]/],
];

/** The risks of a command, for policy and people. At most one flag of each code. */
export function findFlags(input: FlagInput): Flag[] {
  const { params, target, facts, pastCommands, nowMs } = input;
  const timeoutSeconds = timeoutOf(params);
  const flags: (Flag | null)[] = [
    ...riskFlags(params.command.join(' ')),
    ...shellFlags(params.command),
    ...userFlags(input),
    ...programFlags(facts),
    timeoutSeconds <= LONG_SECONDS
      ? null
      : flag('long_running', 'medium', `May run for ${timeoutSeconds.toLocaleString('en-US')} seconds.`),
    productionFlag(target, 'host'),
    unusualHourFlag(target, nowMs),
    pastCommands > 0 ? null : flag('first_time', 'info', `This agent has not run a command on ${target.name} before.`),
  ];
  return flags.filter((found) => found !== null);
}

/** The names of the metacharacters in a text that a shell will read. */
export function metacharactersIn(text: string): string[] {
  return METACHARACTERS.filter(([, pattern]) => pattern.test(text)).map(([name]) => name);
}

function riskFlags(text: string): Flag[] {
  const found = new Map<string, Flag>();
  for (const { code, severity, pattern, sentence } of RISKS)
    if (!found.has(code) && pattern.test(text)) found.set(code, flag(code, severity, sentence));
  return [...found.values()];
}

function shellFlags(command: SshCommandParams['command']): (Flag | null)[] {
  const { shellText, hasInlineCode } = partsOf(command);
  const inert = command.slice(1).some((word) => /[;&|<>$`\n]/.test(word));
  return [
    shellText === null
      ? null
      : flag(
          'shell_text',
          'high',
          `A shell reads ${countOf(shellText.length, 'character')} of text: ${listed(shellText)}.`,
        ),
    hasInlineCode ? flag('inline_code', 'high', 'An interpreter runs code that is written among the arguments.') : null,
    shellText === null && inert
      ? flag(
          'metacharacters',
          'low',
          'Arguments hold characters of shells; no shell reads them unless the program starts one.',
        )
      : null,
  ];
}

function listed(text: string): string {
  const found = metacharactersIn(text);
  return found.length === 0 ? 'no metacharacters' : `with ${found.join(', ')}`;
}

function userFlags({ params, target, facts }: FlagInput): (Flag | null)[] {
  const switcher = partsOf(params.command).programs.find(isSwitcher);
  const powerful = facts.groups.filter((group) => ROOT_GROUPS.includes(group));
  const isRoot = facts.uid === 0 || target.user === 'root';
  return [
    isRoot ? flag('runs_as_root', 'high', `Runs as root on ${target.name}.`) : null,
    switcher === undefined
      ? null
      : flag(
          'becomes_other_user',
          'high',
          `Runs as somebody else, by ${switcher}; what runs so may not be endable by ${target.user}.`,
        ),
    !isRoot && powerful.length > 0
      ? flag('powerful_group', 'medium', `${target.user} is in ${powerful.join(', ')}, whose members can become root.`)
      : null,
  ];
}

function programFlags({ programs }: HostFacts): (Flag | null)[] {
  const missing = programs.filter(({ found }) => !found).map(({ path }) => path);
  const writable = programs.filter((program) => program.found && program.writable).map(({ path }) => path);
  return [
    missing.length === 0
      ? null
      : flag('program_missing', 'medium', `There is no file ${listNames(missing)} on the host.`),
    writable.length === 0
      ? null
      : flag(
          'program_writable',
          'high',
          `The user that runs ${listNames(writable)} may also change it, after the last look at it too.`,
        ),
  ];
}

function countOf(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;
}
