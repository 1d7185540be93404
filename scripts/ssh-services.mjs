// Fetches OpenSSH (server and client) for the tests of ssh.command into .services/ssh: unpacked Debian packages. Nothing is
// installed on the machine, so no SSH server starts there and no rights are needed.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StepError, run, step, tail } from './steps.mjs';

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
  if (!existsSync('/usr/bin/apt-get')) {
    console.log('  OpenSSH for the tests of ssh.command comes from Debian packages; this machine has no apt-get.');
    return;
  }
  await step('fetching OpenSSH (about 3 MB)', async () => {
    const fresh = join(services, `ssh-new-${process.pid}`);
    try {
      await mkdir(join(fresh, 'packages'), { recursive: true });
      await download(join(fresh, 'packages'));
      for (const name of await readdir(join(fresh, 'packages')))
        if (name.endsWith('.deb')) await must('dpkg-deb', ['-x', join('packages', name), '.'], fresh);
      await rm(join(fresh, 'packages'), { recursive: true });
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

async function download(folder) {
  const { code } = await run('apt-get', ['download', ...PACKAGES], { cwd: folder });
  if (code === 0) return;
  // Without package lists, or with old ones: lists of our own, which need no rights.
  const own = ['lists', 'cache'].map((name) => join(folder, name));
  for (const path of own) await mkdir(join(path, 'partial'), { recursive: true });
  const options = [`Dir::State::Lists=${own[0]}`, `Dir::Cache=${own[1]}`, 'APT::Sandbox::User=root'];
  const flags = options.flatMap((option) => ['-o', option]);
  await must('apt-get', [...flags, 'update', '-qq'], folder);
  await must('apt-get', [...flags, 'download', ...PACKAGES], folder);
}

async function must(command, args, cwd) {
  const { code, output, error } = await run(command, args, { cwd });
  if (code === 0) return;
  throw new StepError(
    `${command} ${args.join(' ')} failed (${error?.message ?? code}):\n${tail(output)}\n  Check the network and /etc/apt/sources.list, then start again.`,
  );
}
