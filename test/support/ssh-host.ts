import { appendFile, chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installSshAuthority, installSshRoles, sshNames } from '../../apps/devstack/installation/ssh-host.js';
import { startSshd, type SshdService } from '../../apps/devstack/services/sshd.js';
import { openHost } from '../../src/operations/host.js';
import { sshHostTargetSchema, type SshHostTarget } from '../../src/targets/ssh-host.js';
import { readLines } from '../../src/targets/ssh-host/lines.js';
import { withSshSession } from '../../src/targets/ssh-host/session.js';
import type { SshLogin } from '../../src/vault/credentials/ssh-certificate.js';
import type { VaultClient } from '../../src/vault/client.js';
import type { LeasedCredential } from '../../src/vault/leases.js';

/** A host of its own: a real sshd that trusts a CA of a real Vault. */
export interface TestHost {
  sshd: SshdService;
  target: SshHostTarget;
  /** A program on the host that notes each run: `note WORD` appends the word to `effects`. */
  program: string;
  /** What the program noted. */
  effects(): Promise<string[]>;
  /** All files of the user but for our own markers, with their contents. */
  files(): Promise<Record<string, string>>;
  /** Brings files and programs back. */
  reset(): Promise<void>;
  stop(): Promise<void>;
}

const PROGRAM = '#!/bin/sh\necho "$1" >>"$HOME/effects"\necho "noted $1"\n';

/** @param name of the installation, and of the host in it. */
export async function startTestHost(admin: VaultClient, installation: string, name = 'web'): Promise<TestHost> {
  const vault = sshNames(installation, name);
  const sshd = await startSshd({ userAuthority: await installSshAuthority(admin, vault.mount) });
  const { address, port, user, home, hostKey } = sshd;
  const sourceAddresses = ['127.0.0.1/32'];
  await installSshRoles({ admin, vault, user, sourceAddresses });
  const target = sshHostTargetSchema.parse({
    kind: 'ssh-host',
    name,
    environment: 'production',
    owners: [],
    hours: { timeZone: 'UTC', from: 0, to: 24 },
    ...{ address, port, user, sourceAddresses, vault },
    hostKeys: [hostKey],
    hostAuthorities: [],
  });
  const program = join(home, 'bin', 'note');
  const reset = async (): Promise<void> => {
    for (const file of await readdir(home))
      if (file !== '.countersign') await rm(join(home, file), { recursive: true, force: true });
    await mkdir(join(home, 'bin'), { mode: 0o755 });
    await writeFile(program, PROGRAM);
    await chmod(program, 0o755);
  };
  await reset();
  return {
    sshd,
    target,
    program,
    effects: async () => (await readFile(join(home, 'effects'), 'utf8').catch(() => '')).split('\n').filter(Boolean),
    async files() {
      const found: Record<string, string> = {};
      for (const entry of await readdir(home, { recursive: true, withFileTypes: true })) {
        const path = join(entry.parentPath, entry.name);
        if (entry.isFile() && !path.startsWith(join(home, '.countersign')))
          found[path] = await readFile(path, 'latin1').catch(() => '');
      }
      return found;
    },
    reset,
    async stop() {
      await sshd.stop();
      await admin.delete(`sys/mounts/${vault.mount}`);
    },
  };
}

/** Changes the program that commands run. */
export async function changeProgram({ program }: TestHost): Promise<void> {
  await appendFile(program, 'rm -rf "$HOME/data"\n');
}

/** Logs in as a thief of the credential would, up to where it would run; rejects when the host refuses. */
export async function logInToHost(
  { target, sshd }: Pick<TestHost, 'target' | 'sshd'>,
  { material, username }: LeasedCredential<SshLogin>,
  purpose: 'preview' | 'execute',
): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'ssh-thief-'));
  const host = await openHost({ COUNTERSIGN_SCRATCH_DIR: scratch, COUNTERSIGN_PROGRAMS: [['ssh', sshd.client]] });
  const actionId = username.split('-')[1] ?? '';
  const words = [purpose === 'preview' ? 'facts' : 'run', actionId];
  try {
    await withSshSession({ target, login: material, host, words }, async ({ output, explain, ended }) => {
      const lines = readLines(output);
      for (;;) {
        const line = await lines.line();
        if (line === 'ready') return;
        if (line?.startsWith('spent') === true) throw new Error('the host has seen this certificate before');
        if (line !== null) continue;
        await ended;
        throw await explain();
      }
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
