import { plainPathSchema } from '../../targets/ssh-host.js';

const SHELLS = ['sh', 'bash', 'dash', 'ash', 'ksh', 'zsh'];
const INTERPRETERS = /^(python|perl|ruby|node|php|lua|tclsh|awk|gawk|mawk)[0-9.]*$/;
const SWITCHERS = ['sudo', 'su', 'doas', 'runuser', 'pkexec', 'setpriv', 'chroot', 'nsenter'];
const RUNNERS = [
  'env',
  'nice',
  'ionice',
  'timeout',
  'time',
  'xargs',
  'stdbuf',
  'flock',
  'chrt',
  'busybox',
  'setsid',
  'nohup',
];

/** A command, as far as it can be understood without running it. */
export interface CommandParts {
  /** Names, without their folders, of the programs that it starts one through the other: `sudo`, `bash`. */
  programs: string[];
  /** Paths of those, and of the script that an interpreter is given: what decides the effect at the host. */
  paths: string[];
  /** Text that a shell reads, in which metacharacters have their meaning: the argument of `-c`. */
  shellText: string | null;
  /** Whether text for another interpreter is among the arguments, as in `python3 -c`. */
  hasInlineCode: boolean;
}

/**
 * Follows a command through programs that start others (`sudo -u app /bin/bash -c …`). It reads no option of theirs for
 * certain: in doubt a word counts as a program.
 */
export function partsOf(command: readonly string[]): CommandParts {
  const parts: CommandParts = { programs: [], paths: [], shellText: null, hasInlineCode: false };
  let at = 0;
  while (at < command.length) {
    const word = command[at] ?? '';
    const name = word.slice(word.lastIndexOf('/') + 1);
    parts.programs.push(name);
    addPath(parts, word);
    const rest = command.slice(at + 1);
    if (SHELLS.includes(name) || INTERPRETERS.test(name)) {
      readInterpreter(parts, name, rest);
      return parts;
    }
    const next = SWITCHERS.includes(name) || RUNNERS.includes(name) ? nextProgram(rest) : -1;
    if (next < 0) return parts;
    at += 1 + next;
  }
  return parts;
}

/** Whether a program of this name runs what follows as somebody else. */
export function isSwitcher(name: string): boolean {
  return SWITCHERS.includes(name);
}

/** Where the program is that a runner starts: the first path, else the first shell or other program by name. */
function nextProgram(words: readonly string[]): number {
  const known = (word: string): boolean =>
    SHELLS.includes(word) || INTERPRETERS.test(word) || SWITCHERS.includes(word) || RUNNERS.includes(word);
  const path = words.findIndex((word) => word.startsWith('/') || known(word));
  return path >= 0 ? path : words.findIndex((word) => !/^-|=|^\d/.test(word));
}

function readInterpreter(parts: CommandParts, name: string, words: readonly string[]): void {
  const isShell = SHELLS.includes(name);
  const inline = isShell ? /^-[a-z]*c$/i : /^-[a-zA-Z]*[ceEr]$|^--(eval|print|execute|run)$/;
  const at = words.findIndex((word) => inline.test(word));
  if (at >= 0) {
    if (isShell) parts.shellText = words.slice(at + 1).join('\n');
    else parts.hasInlineCode = true;
    return;
  }
  const script = words.find((word) => !word.startsWith('-'));
  if (/awk$/.test(name) && !words.includes('-f')) parts.hasInlineCode = true;
  else if (script !== undefined) addPath(parts, script);
}

function addPath(parts: CommandParts, word: string): void {
  if (plainPathSchema.safeParse(word).success && !parts.paths.includes(word)) parts.paths.push(word);
}
