import { execFile } from 'node:child_process';
import { chmod, chown, cp, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { locateSsh } from './executables.js';
import { createPortChooser } from './ports.js';
import { startProcess } from './process.js';
import { createTemporaryFolder, isTraversableByAll, makeTraversable } from './temporary-folder.js';

export interface SshdService {
  readonly address: string;
  readonly port: number;
  /** The only user, who owns its home folder and nothing else. */
  readonly user: string;
  readonly home: string;
  /** The host's public key, as `known_hosts` has it. */
  readonly hostKey: string;
  /** For `COUNTERSIGN_PROGRAMS`. */
  readonly client: string;
  readonly logFile: string;
  stop(): Promise<void>;
}

const address = '127.0.0.1';
const user = 'deploy';

// A number that no user of a usual machine has: its processes are the ones of this server's sessions only.
const USER_ID_UNDER_ROOT = 61_184;

/**
 * Starts OpenSSH's server on loopback, without rights of its own, for one user who logs in by certificates of one CA. It
 * allows terminals and forwarding: what is not allowed must be the certificate's doing.
 */
export async function startSshd({ userAuthority }: { userAuthority: string }): Promise<SshdService> {
  const port = await createPortChooser().choose('sshd');
  const folder = createTemporaryFolder('sshd');
  const uid = process.getuid?.() === 0 ? USER_ID_UNDER_ROOT : (process.getuid?.() ?? 0);
  const gid = process.getuid?.() === 0 ? USER_ID_UNDER_ROOT : (process.getgid?.() ?? 0);
  const installed = locateSsh();
  try {
    makeTraversable(folder);
    const home = join(folder, 'home');
    await mkdir(home, { mode: 0o700 });
    const programs = isTraversableByAll(installed) ? installed : await copyInto(folder, installed);
    const environment = await environmentOf(programs, folder);
    const config = join(folder, 'sshd_config');
    await writeFile(join(folder, 'ca.pub'), `${userAuthority.trim()}\n`, { mode: 0o644 });
    await writeFile(join(folder, 'passwd'), `${user}:x:${String(uid)}:${String(gid)}::${home}:/bin/sh\n`);
    await writeFile(join(folder, 'group'), `${user}:x:${String(gid)}:\n`);
    await writeFile(config, configOf({ port, folder, environment }));
    await promisify(execFile)(join(installed, 'bin', 'ssh-keygen'), [
      ...['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', join(folder, 'host_key')],
    ]);
    for (const path of [home, join(folder, 'host_key')]) await chown(path, uid, gid);
    for (const name of ['passwd', 'group', 'sshd_config', 'ca.pub']) await chmod(join(folder, name), 0o644);
    const logFile = join(folder, 'sshd.log');
    const child = await startProcess({
      name: 'sshd',
      executable: join(programs, 'usr', 'sbin', 'sshd'),
      args: ['-D', '-e', '-f', config],
      env: { ...environment, LD_LIBRARY_PATH: await librariesOf(programs) },
      logFile,
      user: process.getuid?.() === 0 ? { uid, gid } : undefined,
    });
    const stop = async (): Promise<void> => {
      await child.stop();
      await rm(folder, { recursive: true, force: true });
    };
    await child
      .untilReady(() => answers(port))
      .catch(async (error: unknown) => {
        await stop();
        throw error;
      });
    const [type, key] = (await readFile(join(folder, 'host_key.pub'), 'utf8')).split(/\s+/);
    const client = join(installed, 'bin', 'ssh');
    return { address, port, user, home, hostKey: `${type ?? ''} ${key ?? ''}`, client, logFile, stop };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

function configOf({
  port,
  folder,
  environment,
}: {
  port: number;
  folder: string;
  environment: Readonly<Record<string, string>>;
}): string {
  return [
    `Port ${String(port)}`,
    `ListenAddress ${address}`,
    `HostKey ${join(folder, 'host_key')}`,
    `TrustedUserCAKeys ${join(folder, 'ca.pub')}`,
    'AuthorizedKeysFile none',
    'AuthenticationMethods publickey',
    'UsePAM no',
    'PidFile none',
    'LogLevel VERBOSE',
    'MaxStartups 100',
    'ClientAliveInterval 5',
    'PermitTTY yes',
    'AllowTcpForwarding yes',
    'AllowAgentForwarding yes',
    'Subsystem sftp internal-sftp',
    // The user is in no file of the machine: programs in its sessions must find it too.
    `SetEnv ${Object.entries(environment)
      .map(([name, value]) => `${name}=${value}`)
      .join(' ')}`,
    '',
  ].join('\n');
}

/** By which sshd, and what runs in its sessions, knows the user. */
async function environmentOf(programs: string, folder: string): Promise<Record<string, string>> {
  const library = (await librariesOf(programs)).split(':')[0] ?? '';
  return {
    LD_PRELOAD: join(library, 'libnss_wrapper.so'),
    NSS_WRAPPER_PASSWD: join(folder, 'passwd'),
    NSS_WRAPPER_GROUP: join(folder, 'group'),
  };
}

/** Folders such as `usr/lib/x86_64-linux-gnu`, the one in `usr` first. */
async function librariesOf(programs: string): Promise<string> {
  const folders: string[] = [];
  for (const parent of [join(programs, 'usr', 'lib'), join(programs, 'lib')])
    for (const name of await readdir(parent).catch(() => []))
      if (name.includes('-linux-gnu')) folders.push(join(parent, name));
  return folders.join(':');
}

// The checkout may lie below a folder that only root may enter: the server's user could not run it there.
async function copyInto(folder: string, installed: string): Promise<string> {
  const programs = join(folder, 'programs');
  await cp(installed, programs, { recursive: true, verbatimSymlinks: true });
  return programs;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: address, port });
    socket.once('data', (greeting) => {
      socket.destroy();
      resolve(greeting.toString().startsWith('SSH-2.0'));
    });
    socket.once('error', () => {
      resolve(false);
    });
    socket.setTimeout(1_000, () => {
      socket.destroy();
      resolve(false);
    });
  });
}
