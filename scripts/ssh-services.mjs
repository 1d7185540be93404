// Fetches OpenSSH (server and client) for the tests of ssh.command into .services/ssh: unpacked Debian packages.
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installDebian } from './debian.mjs';

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
export function installSsh(services) {
  const what = { name: 'ssh', title: 'OpenSSH', size: '3 MB', usedBy: 'ssh.command' };
  return installDebian(services, { ...what, packages: PACKAGES, recipe: [LAUNCHER], finish: addLaunchers });
}

async function addLaunchers(folder) {
  await mkdir(join(folder, 'bin'));
  for (const name of ['ssh', 'ssh-keygen']) {
    await writeFile(join(folder, 'bin', name), LAUNCHER);
    await chmod(join(folder, 'bin', name), 0o755);
  }
}
