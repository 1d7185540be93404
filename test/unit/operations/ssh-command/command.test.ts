import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { partsOf } from '../../../../src/operations/ssh-command/command-line.js';
import { capture } from '../../../../src/operations/ssh-command/output.js';
import { paramsSchema } from '../../../../src/operations/ssh-command/params.js';
import { quoteWords } from '../../../../src/targets/ssh-host/quote.js';

describe('parameters', () => {
  const good = { target: 'web', command: ['/bin/ls'] };
  const fieldOf = (params: unknown): string | undefined =>
    paramsSchema.safeParse(params).error?.issues[0]?.path.join('.');

  it.each([
    ['the least', good],
    ['line feeds and tabs', { ...good, command: ['/bin/sh', '-c', 'a\n\tb'] }],
    ['all', { ...good, timeoutSeconds: 3_600, expectedExitCodes: [0, 1] }],
    ['64 words', { ...good, command: ['/bin/ls', ...Array<string>(63).fill('a')] }],
    ['8,192 bytes', { ...good, command: ['/bin/ls', 'a'.repeat(8_184)] }],
  ])('takes %s', (_, params) => {
    expect(paramsSchema.safeParse(params).success).toBe(true);
  });

  it.each([
    ['no command', { target: 'web' }, 'command'],
    ['an empty command', { ...good, command: [] }, 'command.0'],
    ['a program by name', { ...good, command: ['ls'] }, 'command.0'],
    ['a program with a space', { ...good, command: ['/bin/ls -l'] }, 'command.0'],
    ['a program with a quote', { ...good, command: ["/bin/l's"] }, 'command.0'],
    ['a path with ..', { ...good, command: ['/bin/../ls'] }, 'command.0'],
    ['NUL', { ...good, command: ['/bin/ls', 'a\0b'] }, 'command.1'],
    ['an escape', { ...good, command: ['/bin/ls', 'a\u001bb'] }, 'command.1'],
    ['a carriage return', { ...good, command: ['/bin/ls', 'a\rb'] }, 'command.1'],
    ['text turned around', { ...good, command: ['/bin/ls', 'a\u202eb'] }, 'command.1'],
    ['a space of no width', { ...good, command: ['/bin/ls', 'a\u200bb'] }, 'command.1'],
    ['half a character', { ...good, command: ['/bin/ls', '\ud800'] }, 'command.1'],
    ['65 words', { ...good, command: ['/bin/ls', ...Array<string>(64).fill('a')] }, 'command'],
    ['8,193 bytes', { ...good, command: ['/bin/ls', 'a'.repeat(8_185)] }, 'command'],
    ['input', { ...good, stdin: 'x' }, ''],
    ['too much time', { ...good, timeoutSeconds: 3_601 }, 'timeoutSeconds'],
    ['an exit code that there is not', { ...good, expectedExitCodes: [256] }, 'expectedExitCodes.0'],
    ['no exit code', { ...good, expectedExitCodes: [] }, 'expectedExitCodes'],
  ])('refuses %s', (_, params, field) => {
    expect(fieldOf(params)).toBe(field);
  });
});

describe('quoting', () => {
  it.each([[["it's"]], [['']], [["''", '\\', '"']], [['a\nb', '$(x)', '`x`', '!!', '~', '*', '-n']], [['ü ☃']]])(
    'is undone by a shell: %j',
    (words) => {
      const output = execFileSync('/bin/sh', ['-c', `printf '%s\\0' ${quoteWords(words)}`], { encoding: 'utf8' });
      expect(output.split('\0').slice(0, -1)).toEqual(words);
    },
  );
});

describe('the programs of a command', () => {
  it.each([
    [['/bin/ls', '/srv'], ['ls'], ['/bin/ls']],
    [['/bin/sh', '/opt/deploy.sh', 'now'], ['sh'], ['/bin/sh', '/opt/deploy.sh']],
    [['/bin/bash', '-ec', '/opt/x'], ['bash'], ['/bin/bash']],
    [['/usr/bin/python3', '-u', '/opt/x.py'], ['python3'], ['/usr/bin/python3', '/opt/x.py']],
    [
      ['/usr/bin/sudo', '-u', 'app', '/opt/x'],
      ['sudo', 'x'],
      ['/usr/bin/sudo', '/opt/x'],
    ],
    [
      ['/usr/bin/env', 'A=b', '/usr/bin/nice', '-n', '5', '/bin/sh', '/opt/x'],
      ['env', 'nice', 'sh'],
      ['/usr/bin/env', '/usr/bin/nice', '/bin/sh', '/opt/x'],
    ],
    [['/usr/bin/sudo', 'systemctl', 'stop', 'x'], ['sudo', 'systemctl'], ['/usr/bin/sudo']],
    [['/usr/bin/sudo'], ['sudo'], ['/usr/bin/sudo']],
  ])('%j', (command, programs, paths) => {
    expect(partsOf(command)).toMatchObject({ programs, paths });
  });
});

describe('captured output', () => {
  const END = '\ncountersign-end abc exit 3 0\n';
  const feed = async (...chunks: string[]) =>
    capture(
      (async function* () {
        for (const chunk of chunks) yield Buffer.from(chunk);
      })(),
      'abc',
    );

  it.each([
    ['whole', [`out${END}`], 'out', 3],
    ['in single bytes', Array.from(`out${END}`), 'out', 3],
    ['none', [END], '', 3],
    ['long', ['x'.repeat(5_000), END], 'x'.repeat(5_000), 3],
    ['one that looks like the end before it', [`${END}out${END}`], `${END}out`, 3],
  ])('ends with the end line: %s', async (_, chunks, text, exitCode) => {
    const { kept, bytes, end } = await feed(...chunks);
    expect({ text: kept.toString(), bytes, end }).toEqual({
      text,
      bytes: text.length,
      end: { reason: 'exit', exitCode, leftProcesses: 0 },
    });
  });

  it.each([
    ['none', ['out']],
    ['of another nonce', ['out\ncountersign-end abd exit 0 0\n']],
    ['cut off', ['out\ncountersign-end abc exit 0']],
    ['not the last', [`${END}more`]],
  ])('without a good end line all belongs to the command: %s', async (_, chunks) => {
    const { kept, end } = await feed(...chunks);
    expect(end).toBeNull();
    expect(kept.toString()).toBe(chunks.join(''));
  });
});
