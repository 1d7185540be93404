// Fetches OpenSSH (server and client) for the tests of ssh.command into .services/ssh: unpacked Debian packages.
import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasApt, unpackDebian } from './debian.mjs';
import { step } from './steps.mjs';

// The last ones are libraries that a small machine may lack; libnss-wrapper gives sshd a user of its own to log in.
const PACKAGES = [
  'openssh-server',
  'openssh-client',
  'libnss-wrapper',
  'libwrap0',
  'libgssapi-krb5-2',
  'libkrb5-3',
  'libkrb5support0',
  'libk5crypto3',
  'libkeyutils1',
  'libcom-err2',
];

// Starts a program of these packages with their libraries, wherever the folder is.
const LAUNCHER = `#!/bin/sh
root=\${0%/*}/..
for folder in "$root"/usr/lib/*-linux-gnu* "$root"/lib/*-linux-gnu*; do LD_LIBRARY_PATH=$folder:$LD_LIBRARY_PATH; done
export LD_LIBRARY_PATH
exec "$root/usr/bin/\${0##*/}" "$@"
`;

/** Makes `<services>/ssh` with `usr/sbin/sshd`, `bin/ssh` and `bin/ssh-keygen`; quick when it is there. */
export async function installSsh(services) {
  const version = createHash('sha256')
    .update([process.arch, LAUNCHER, ...PACKAGES].join(' '))
    .digest('hex')
    .slice(0, 16);
  const folder = join(services, 'ssh');
  if ((await readFile(join(folder, 'version'), 'utf8').catch(() => '')) === version) return;
  if (!hasApt()) {
    console.log('  OpenSSH for the tests of ssh.command comes from Debian packages; this machine has no apt-get.');
    return;
  }
  await step('fetching OpenSSH (about 3 MB)', async () => {
    const fresh = join(services, `ssh-new-${process.pid}`);
    try {
      await mkdir(fresh, { recursive: true });
      await unpackDebian(PACKAGES, fresh);
      await mkdir(join(fresh, 'bin'));
      for (const name of ['ssh', 'ssh-keygen']) {
        await writeFile(join(fresh, 'bin', name), LAUNCHER);
        await chmod(join(fresh, 'bin', name), 0o755);
      }
      await writeFile(join(fresh, 'version'), version);
      await rm(folder, { recursive: true, force: true });
      await rename(fresh, folder);
    } finally {
      await rm(fresh, { recursive: true, force: true });
    }
  });
}
