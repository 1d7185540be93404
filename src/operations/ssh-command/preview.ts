import { createHash } from 'node:crypto';
import { Refusal, ServiceFault } from '../../core/errors.js';
import { digestOf } from '../../core/json.js';
import type { Flag, Preview } from '../../core/schemas/action.js';
import { parseFacts, type HostFacts, type ProgramFacts } from '../../targets/ssh-host/facts.js';
import { RUNNER } from '../../targets/ssh-host/host-scripts.js';
import type { LineReader } from '../../targets/ssh-host/lines.js';
import { quoteWords } from '../../targets/ssh-host/quote.js';
import type { SshHostTarget } from '../../targets/ssh-host.js';
import { nameForPeople } from '../database-export/names-for-people.js';
import { partsOf } from './command-line.js';
import { findFlags, metacharactersIn } from './flags.js';
import { expectedCodesOf, timeoutOf, type SshCommandParams } from './params.js';

const FACT_CHARS = 1_900;

/** Login shells that read single quotes as POSIX says; another could take the command apart differently. */
const POSIX_SHELL = /\/(?:sh|bash|dash|ash|ksh|ksh93|mksh|zsh|busybox)$/;

export interface PreviewInput {
  params: SshCommandParams;
  target: SshHostTarget;
  pastCommands: number;
  nowMs: number;
}

/**
 * Reads what a forced command tells of its host until it is ready.
 * @returns null when the session ended before; `spent` when the certificate or the action was used already.
 */
export async function readFacts(
  name: string,
  reader: LineReader,
): Promise<{ facts: HostFacts } | { spent: string } | null> {
  const lines: string[] = [];
  for (;;) {
    const line = await reader.line().catch((error: unknown) => {
      if (error instanceof RangeError) return null;
      throw error;
    });
    if (line === null) return null;
    if (line === 'ready') return { facts: parseFacts(name, lines) };
    if (line.startsWith('spent\t')) return { spent: line.slice('spent\t'.length) };
    lines.push(line);
  }
}

/**
 * What the command would do, by what the host said.
 * @throws Refusal when the host cannot run it as it would be shown.
 */
export function describeCommand(input: PreviewInput, facts: HostFacts): { preview: Preview; flags: Flag[] } {
  const { params, target } = input;
  if (facts.user !== target.user && facts.uid !== 0)
    throw new ServiceFault('target', `${target.name} logged in another user than ${target.user}.`, false);
  if (!POSIX_SHELL.test(facts.shell)) {
    const message = `The login shell of ${target.user} on ${target.name} is ${nameForPeople(facts.shell)}, which may read a quoted command differently: give the user a POSIX shell.`;
    throw new Refusal('params_invalid', message, 'params.target');
  }
  const line = quoteWords(params.command);
  const preview: Preview = {
    summary: fit(`Command on ${target.name} (${target.environment}) as ${target.user}: ${oneLine(line)}`, 300),
    facts: factsOf(input, facts),
    content: { language: 'text', text: line },
    fingerprint: fingerprintOf(target, facts),
    estimate: { timeoutSeconds: timeoutOf(params), expectedExitCodes: [...expectedCodesOf(params)] },
  };
  return { preview, flags: findFlags({ ...input, facts }) };
}

function fingerprintOf(
  { name, address, port, user, hostKeys, hostAuthorities }: SshHostTarget,
  facts: HostFacts,
): string {
  const { uid, groups, shell, programs } = facts;
  return digestOf({
    target: { name, address, port, user, hostKeys: [...hostKeys].sort(), hostAuthorities: [...hostAuthorities].sort() },
    runner: createHash('sha256').update(RUNNER).digest('hex'),
    login: { uid, groups: [...groups].sort(), shell },
    programs: programs.map((program) => ({ ...program })),
  });
}

function factsOf({ params, target }: PreviewInput, facts: HostFacts): Preview['facts'] {
  const { shellText } = partsOf(params.command);
  const keys = [...target.hostKeys, ...target.hostAuthorities.map((key) => `CA ${key}`)];
  const rows: [label: string, value: string][] = [
    ['Target', `${target.name} (${target.environment}), ${target.address}:${String(target.port)}`],
    ['Host', `${nameForPeople(facts.hostName)}, ${nameForPeople(facts.system)}`],
    ['Host keys accepted', keys.map(keyFingerprint).join('\n')],
    [
      'Runs as',
      `${nameForPeople(facts.user)} (uid ${String(facts.uid)}), groups ${facts.groups.map(nameForPeople).join(', ')}`,
    ],
    ['Programs', facts.programs.map(programLine).join('\n')],
    ['Words', `${String(params.command.length)}, given to the program as they are; no shell reads them first`],
    ...(shellText === null
      ? []
      : ([['Metacharacters in shell text', metacharactersIn(shellText).join('\n') || 'none']] as [string, string][])),
    ['Environment', `that of a login by sshd, input empty, login shell ${nameForPeople(facts.shell)}`],
    ['Ended after', `${String(timeoutOf(params))} seconds, with all that it started`],
    ['Exit codes that count as success', expectedCodesOf(params).join(', ')],
    ['Certificate', `forces this command; good from ${target.sourceAddresses.join(', ')}; no terminal, no forwarding`],
  ];
  return rows.map(([label, value]) => ({ label, value: fit(value, FACT_CHARS) }));
}

function programLine(program: ProgramFacts): string {
  const path = nameForPeople(program.path);
  if (!program.found) return `${path}: no such file`;
  const { real, owner, sha256 } = program;
  const leads = real === program.path ? '' : ` → ${nameForPeople(real)}`;
  return `${path}${leads}, ${nameForPeople(owner)}, ${sha256 === null ? 'not readable' : `SHA-256 ${sha256}`}`;
}

/** As `ssh-keygen -l` prints it. */
function keyFingerprint(key: string): string {
  const words = key.split(' ');
  const digest = createHash('sha256')
    .update(Buffer.from(words.at(-1) ?? '', 'base64'))
    .digest('base64');
  return [...words.slice(0, -1), `SHA256:${digest.replace(/=+$/, '')}`].join(' ');
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ');
}

// Facts and summary are a digest; the content is always whole.
function fit(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
