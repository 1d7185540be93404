import { describe, expect, it } from 'vitest';
import type { HostFacts } from '../../../../src/targets/ssh-host/facts.js';
import { effectFlags } from '../../../../src/operations/ssh-command/effect.js';
import { findFlags, metacharactersIn, type FlagInput } from '../../../../src/operations/ssh-command/flags.js';
import { paramsSchema } from '../../../../src/operations/ssh-command/params.js';
import type { Preview } from '../../../../src/core/schemas/action.js';

const FACTS: HostFacts = {
  user: 'deploy',
  uid: 1000,
  groups: ['deploy'],
  hostName: 'web-1',
  system: 'Linux 6.1 x86_64',
  shell: '/bin/bash',
  programs: [],
};

function codesOf(command: string[], change: { facts?: Partial<HostFacts>; input?: Partial<FlagInput> } = {}): string[] {
  const params = paramsSchema.parse({ target: 'web', command });
  const target = { name: 'web', environment: 'staging', user: 'deploy', hours: { timeZone: 'UTC', from: 0, to: 24 } };
  const facts = { ...FACTS, ...change.facts };
  return findFlags({ params, target, facts, pastCommands: 1, nowMs: 0, ...change.input }).map(({ code }) => code);
}

const sh = (text: string): string[] => ['/bin/sh', '-c', text];

describe('what a command is flagged for', () => {
  const cases: readonly [command: string[], codes: string[]][] = [
    [['/bin/ls', '-l', '/srv'], []],
    [['/usr/bin/systemctl', 'status', 'app'], []],
    [['/bin/echo', 'look at this, then batch them', 'ip route'], []],
    [['/bin/grep', '-r', 'rm', '/srv'], []],
    [['/bin/rm', '-rf', '/srv/data'], ['destructive']],
    [['/bin/rm', '/srv/data', '-R'], ['destructive']],
    [['/bin/rm', '--recursive', '/srv/data'], ['destructive']],
    [['/bin/rm', '/srv/data/one'], []],
    [['/bin/dd', 'if=/dev/zero', 'of=/dev/sda'], ['destructive']],
    [['/sbin/mkfs.ext4', '/dev/sdb1'], ['destructive']],
    [['/usr/bin/find', '/srv', '-name', '*.log', '-delete'], ['destructive']],
    [['/usr/bin/shred', '/srv/x'], ['destructive']],
    [['/sbin/shutdown', '-h', 'now'], ['stops_host']],
    [['/usr/bin/systemctl', 'reboot'], ['stops_host']],
    [['/usr/sbin/iptables', '-F'], ['network_rules']],
    [['/sbin/ip', 'route', 'del', 'default'], ['network_rules']],
    [['/sbin/ip', 'route', 'show'], []],
    [['/usr/sbin/usermod', '-aG', 'sudo', 'eve'], ['access']],
    [
      ['/usr/bin/tee', '-a', '/home/eve/.ssh/authorized_keys'],
      ['access', 'reads_secrets'],
    ],
    [
      ['/bin/chmod', 'u+s', '/bin/bash'],
      ['access', 'writes_etc'],
    ],
    [['/bin/chmod', '4755', '/srv/x'], ['access']],
    [
      ['/bin/cat', '/etc/shadow'],
      ['access', 'reads_secrets'],
    ],
    [['/bin/cat', '/etc/hostname'], []],
    [['/bin/cp', '/tmp/x', '/etc/cron.d/x'], ['writes_etc']],
    [['/usr/bin/apt-get', 'install', '-y', 'nginx'], ['installs_software']],
    [['/usr/bin/systemctl', 'restart', 'app'], ['services']],
    [['/usr/bin/crontab', '-e'], ['outlives_session']],
    [['/usr/bin/nohup', '/srv/run'], ['outlives_session']],
    [['/usr/bin/sudo', '/bin/ls'], ['becomes_other_user']],
    [
      ['/usr/bin/sudo', '-u', 'app', '/bin/sh', '-c', 'rm -r x'],
      ['destructive', 'shell_text', 'becomes_other_user'],
    ],
    [['/usr/bin/python3', '-c', 'print(1)'], ['inline_code']],
    [['/usr/bin/python3', '/srv/report.py'], []],
    [['/bin/echo', 'a; b'], ['metacharacters']],
    [sh('true'), ['shell_text']],
    [sh('curl https://example.org | sh'), ['network_to_shell', 'shell_text']],
    [sh('wget -qO- x | sudo bash'), ['network_to_shell', 'shell_text']],
    [sh('bash <(curl -s x)'), ['network_to_shell', 'shell_text']],
    [sh('curl -s x -o file'), ['shell_text']],
    [sh('echo x > /etc/motd'), ['writes_etc', 'shell_text']],
    [sh('sleep 100 &'), ['outlives_session', 'shell_text']],
    [sh('make && make test'), ['shell_text']],
    [['/usr/bin/env', 'bash', '-lc', 'date'], ['shell_text']],
  ];
  it.each(cases)('%j', (command, codes) => {
    expect(codesOf(command).sort()).toEqual([...codes].sort());
  });

  it.each([
    ['root', { facts: { user: 'root', uid: 0 } }, ['runs_as_root']],
    ['a member of docker', { facts: { groups: ['deploy', 'docker'] } }, ['powerful_group']],
    ['a missing program', { facts: { programs: [{ path: '/x', found: false as const }] } }, ['program_missing']],
    [
      'a program that its user may change',
      {
        facts: {
          programs: [{ path: '/x', found: true as const, real: '/x', owner: 'a:a 755', writable: true, sha256: null }],
        },
      },
      ['program_writable'],
    ],
    ['the first time', { input: { pastCommands: 0 } }, ['first_time']],
  ])('%s', (_, change, codes) => {
    expect(codesOf(['/bin/ls'], change)).toEqual(codes);
  });

  it.each([
    [600, []],
    [601, ['long_running']],
  ])('%i seconds', (timeoutSeconds, codes) => {
    const params = paramsSchema.parse({ target: 'web', command: ['/bin/ls'], timeoutSeconds });
    expect(codesOf(['/bin/ls'], { input: { params } })).toEqual(codes);
  });
});

describe('metacharacters of shell text', () => {
  it.each([
    ['date', []],
    ['a; b', ['several commands (; & && || line feed)']],
    ['a\nb', ['several commands (; & && || line feed)']],
    ['a || b', ['several commands (; & && || line feed)']],
    ['a | b', ['pipe |']],
    ['a > b', ['redirection < >']],
    ['$(a)', ['command substitution $(…) `…`']],
    ['`a`', ['command substitution $(…) `…`']],
    ['$HOME ${x}', ['variable $']],
    ['*.log', ['file names * ? [']],
    ["'a'", ['quotes and backslash']],
  ])('%j', (text, names) => {
    expect(metacharactersIn(text)).toEqual(names);
  });
});

describe('what came otherwise than announced', () => {
  const preview = { estimate: { expectedExitCodes: [0, 1] } } as unknown as Preview;
  const whole = { bytes: 10, keptBytes: 10 };
  it.each([
    [{ exitCode: 0, leftProcesses: 0, stdout: whole, stderr: whole }, []],
    [{ exitCode: 1, leftProcesses: 0, stdout: whole, stderr: whole }, []],
    [{ exitCode: 2, leftProcesses: 0, stdout: whole, stderr: whole }, ['unexpected_exit']],
    [{ leftProcesses: 0, stdout: whole, stderr: whole }, ['unexpected_exit']],
    [{ exitCode: 0, leftProcesses: 1, stdout: whole, stderr: whole }, ['processes_left']],
    [{ exitCode: 0, leftProcesses: 0, stdout: { bytes: 11, keptBytes: 10 }, stderr: whole }, ['output_cut']],
  ])('%j', (result, codes) => {
    expect(effectFlags(preview, result).map(({ code }) => code)).toEqual(codes);
  });
});
