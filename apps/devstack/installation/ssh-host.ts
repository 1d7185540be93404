import { z } from 'zod';
import { END_COMMAND, FACTS_COMMAND } from '../../../src/targets/ssh-host/host-scripts.js';
import type { SshHostTarget } from '../../../src/targets/ssh-host.js';
import { parseAnswer } from '../../../src/vault/answers.js';
import type { VaultClient } from '../../../src/vault/client.js';
import { allow } from './vault-policies/rules.js';

/** What one host's part of Vault is called; see `sshNames`. */
export type SshVaultNames = SshHostTarget['vault'];

export interface SshRolesOptions {
  admin: VaultClient;
  vault: SshVaultNames;
  user: string;
  sourceAddresses: readonly string[];
}

const publicKeySchema = z.object({ data: z.object({ public_key: z.string().min(1) }) });

// Vault allows any critical option when none is listed; no option is called this.
const NO_OPTION = 'none';

/** The names for a host in one installation. */
export function sshNames(installation: string, host: string): SshVaultNames {
  return {
    mount: `${installation}-ssh-${host}`,
    previewRole: `${host}-facts`,
    executeRole: `${host}-command`,
    witnessRole: `${host}-end`,
    previewTokenRole: `${installation}-preview-${host}`,
    executeTokenRole: `${installation}-execute-${host}`,
  };
}

/** Mounts the SSH engine with a CA of its own. @returns the CA's public key, for sshd's `TrustedUserCAKeys`. */
export async function installSshAuthority(admin: VaultClient, mount: string): Promise<string> {
  await admin.write(`sys/mounts/${mount}`, { type: 'ssh' });
  await admin.write(`${mount}/config/ca`, { generate_signing_key: true, key_type: 'ed25519' });
  const path = `${mount}/config/ca`;
  return parseAnswer(publicKeySchema, await admin.read(path), path).data.public_key.trim();
}

/** The three roles of one user on one host. */
export async function installSshRoles({ admin, vault, user, sourceAddresses }: SshRolesOptions): Promise<void> {
  const common = {
    key_type: 'ca',
    allow_user_certificates: true,
    allow_host_certificates: false,
    allowed_users: user,
    // The key id names the action in the host's own log.
    allow_user_key_ids: true,
    default_extensions: {},
    not_before_duration: '30s',
  };
  const fixed = (forceCommand: string) => ({
    ...common,
    allowed_critical_options: NO_OPTION,
    default_critical_options: { 'force-command': forceCommand, 'source-address': sourceAddresses.join(',') },
    ttl: '30s',
    max_ttl: '30s',
  });
  await admin.write(`${vault.mount}/roles/${vault.previewRole}`, fixed(FACTS_COMMAND));
  await admin.write(`${vault.mount}/roles/${vault.witnessRole}`, fixed(END_COMMAND));
  await admin.write(`${vault.mount}/roles/${vault.executeRole}`, {
    ...common,
    allowed_critical_options: 'force-command,source-address',
    ttl: '120s',
    max_ttl: '120s',
  });
}

/** The policy of whoever signs by a role whose command is fixed: child tokens of previews, and the notary. */
export function signFixedPolicy(vault: SshVaultNames, role: string, user: string): string {
  return allow(`${vault.mount}/sign/${role}`, ['update'], parameters(user));
}

/** The policy of a child token of an execution: a certificate for one user. */
export function signCommandPolicy(vault: SshVaultNames, user: string): string {
  return allow(`${vault.mount}/sign/${vault.executeRole}`, ['update'], parameters(user, '"critical_options" = []'));
}

// No extensions: so no terminal, no forwarding.
function parameters(user: string, ...more: readonly string[]): string {
  const allowed = ['"public_key" = []', '"cert_type" = ["user"]', `"valid_principals" = ["${user}"]`];
  return `allowed_parameters = { ${[...allowed, '"key_id" = []', '"ttl" = []', ...more].join(', ')} }`;
}
