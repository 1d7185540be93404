import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sshHost } from '../installation/further-target.js';
import { locateSsh } from '../services/executables.js';
import { startSshd } from '../services/sshd.js';
import { isThere, setupWith, type LiveOperation, type Provided, type Provision } from './live-operation.js';

// What a host might have to bring a release into service: here it tells, and notes it in a file.
const ROLLOUT = '#!/bin/sh\necho "$(date -u +%FT%TZ) $*" >>"$HOME/rollouts"\necho "rolled out $1 $2"\n';

/** `ssh.command`: on a host that is an OpenSSH server of the stack's own, on loopback. */
export const sshCommand: LiveOperation = {
  operation: 'ssh.command',
  agent: 'platform-bot',
  approver: 'gus',
  missing: () =>
    Promise.resolve(
      isThere(locateSsh) ? null : { what: 'OpenSSH (it needs apt-get, as on Debian)', command: setupWith('ssh') },
    ),
  provide: (provision) => Promise.resolve(provide(provision)),
};

function provide({ defer }: Provision): Provided {
  // The user, and so its home, are known when the host has been started.
  let program = '';
  const spec = {
    name: 'web-1',
    environment: 'production',
    owners: [],
    hours: { timeZone: 'Europe/Berlin', from: 7, to: 20 },
    sourceAddresses: ['127.0.0.1/32'],
  };
  return {
    programs: { ssh: join(locateSsh(), 'bin', 'ssh') },
    async target(scope) {
      const allowedPrograms: string[] = [];
      const install = sshHost({ ...spec, allowedPrograms }, async (userAuthority) => {
        const sshd = await startSshd({ userAuthority });
        defer(() => sshd.stop());
        program = join(sshd.home, 'bin', 'rollout');
        allowedPrograms.push(program);
        await mkdir(join(sshd.home, 'bin'), { mode: 0o755 });
        await writeFile(program, ROLLOUT);
        await chmod(program, 0o755);
        return sshd;
      });
      return install(scope);
    },
    example: () => ({
      params: { target: 'web-1', command: [program, 'web', '1.4.2'] },
      reason: 'Release 1.4.2 passed its tests',
    }),
  };
}
