import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { ServiceFault } from '../../core/errors.js';
import type { OperationHost } from '../../operations/operation.js';
import type { SshLogin } from '../../vault/credentials/ssh-certificate.js';
import type { SshHostTarget } from '../ssh-host.js';
import { startAgent } from './agent.js';

/** A forced command at work on a host. */
export interface SshSession {
  /** As long as it is open the command may run; see host-scripts.ts. */
  input: Writable;
  output: Readable;
  errors: Readable;
  /** When the connection is over. */
  ended: Promise<void>;
  /** What to say when it ended too early; asked after `ended`. */
  explain(): Promise<ServiceFault>;
}

export interface SshSessionRequest {
  target: SshHostTarget;
  login: SshLogin;
  host: Pick<OperationHost, 'program' | 'scratchDir'>;
  /** What the forced command finds in SSH_ORIGINAL_COMMAND. */
  words: readonly string[];
}

// A socket's path must fit into 108 bytes (unix(7)).
const SOCKET_PATH_BYTES = 107;

/**
 * Runs `work` with a session on the host, by the OpenSSH client: no configuration files, no agent but our own for this
 * one login, no forwarding, no terminal, and no host key but the target's.
 * @throws ServiceFault `target` when it cannot be reached; what `work` throws.
 */
export async function withSshSession<T>(
  request: SshSessionRequest,
  work: (session: SshSession) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(request.host.scratchDir, 'ssh-'));
  try {
    const socket = join(folder, 'agent');
    if (Buffer.byteLength(socket) > SOCKET_PATH_BYTES)
      throw new ServiceFault('host', 'COUNTERSIGN_SCRATCH_DIR is too long a path for a socket: shorten it.', false);
    const agent = await startAgent(socket, request.login);
    try {
      return await runClient(request, folder, socket, work);
    } finally {
      await agent.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runClient<T>(
  { target, host, words }: SshSessionRequest,
  folder: string,
  socket: string,
  work: (session: SshSession) => Promise<T>,
): Promise<T> {
  const knownHosts = join(folder, 'hosts');
  const log = join(folder, 'log');
  await writeFile(knownHosts, knownHostsOf(target), { mode: 0o600 });
  const options = Object.entries(clientOptions(target, { socket, knownHosts }));
  const args = [
    ...['-F', 'none', '-E', log, '-T', '-p', String(target.port), '-l', target.user],
    ...options.flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    ...['--', target.address, words.join(' ')],
  ];
  const child = spawn(host.program('ssh'), args, { env: {}, cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] });
  let startFault: Error | null = null;
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      startFault = error;
      resolve();
    });
    child.once('close', () => {
      resolve();
    });
  });
  child.stdin.on('error', () => undefined); // the connection is gone: `ended` tells
  const explain = async (): Promise<ServiceFault> =>
    startFault !== null
      ? new ServiceFault('host', 'The ssh client could not be started: see COUNTERSIGN_PROGRAMS.', false)
      : explainLog(target, await readFile(log, 'utf8').catch(() => ''));
  try {
    return await work({ input: child.stdin, output: child.stdout, errors: child.stderr, ended, explain });
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

function clientOptions(
  { address }: SshHostTarget,
  { socket, knownHosts }: { socket: string; knownHosts: string },
): Record<string, string> {
  return {
    BatchMode: 'yes',
    ConnectTimeout: '10',
    // Notices a host that is gone within half a minute.
    ServerAliveInterval: '10',
    ServerAliveCountMax: '3',
    StrictHostKeyChecking: 'yes',
    UserKnownHostsFile: knownHosts,
    GlobalKnownHostsFile: 'none',
    HostKeyAlias: address,
    CheckHostIP: 'no',
    VerifyHostKeyDNS: 'no',
    UpdateHostKeys: 'no',
    IdentityAgent: socket,
    IdentityFile: 'none',
    PreferredAuthentications: 'publickey',
    PasswordAuthentication: 'no',
    KbdInteractiveAuthentication: 'no',
    HostbasedAuthentication: 'no',
    GSSAPIAuthentication: 'no',
    ClearAllForwardings: 'yes',
    ForwardAgent: 'no',
    ForwardX11: 'no',
    Tunnel: 'no',
    RequestTTY: 'no',
    EscapeChar: 'none',
    PermitLocalCommand: 'no',
    ProxyCommand: 'none',
    ControlMaster: 'no',
    ControlPath: 'none',
    CanonicalizeHostname: 'no',
    AddKeysToAgent: 'no',
    LogLevel: 'ERROR',
  };
}

function knownHostsOf({ address, hostKeys, hostAuthorities }: SshHostTarget): string {
  const lines = [
    ...hostKeys.map((key) => `${address} ${key}`),
    ...hostAuthorities.map((key) => `@cert-authority ${address} ${key}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** In our own words: the client's may quote what the server sent. */
function explainLog({ name, user }: SshHostTarget, log: string): ServiceFault {
  if (/host key verification failed|REMOTE HOST IDENTIFICATION|no matching host key/i.test(log)) {
    const message = `${name} showed a host key that its entry does not name: nothing was sent to it. Compare the host's keys with hostKeys and hostAuthorities.`;
    return new ServiceFault('target', message, false);
  }
  if (/permission denied|too many authentication failures/i.test(log)) {
    const message = `${name} refused the certificate for ${user}: its sshd must trust Vault's CA (TrustedUserCAKeys), and this process must come from an address in sourceAddresses.`;
    return new ServiceFault('target', message, false);
  }
  if (
    /connection refused|timed out|could not resolve|no route|unreachable|connection closed|connection reset/i.test(log)
  )
    return new ServiceFault('target', `${name} could not be reached by SSH.`, true);
  return new ServiceFault('target', `The SSH session on ${name} ended before it was done.`, true);
}
