import { isIP } from 'node:net';
import { z } from 'zod';
import { createSshHostWitness } from './ssh-host/witness.js';
import {
  childTokenRoles,
  targetBase,
  tokenRolesOf,
  vaultNameSchema,
  type TargetKind,
  type TargetProblem,
} from './target-kind.js';

/** A public key as a line of `ssh-keygen -y` or `/etc/ssh/ssh_host_*_key.pub` has it, without its comment. */
const publicKeySchema = z
  .string()
  .max(4_000)
  .regex(
    /^(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|ssh-rsa) [A-Za-z0-9+/]+={0,2}$/,
    'must be a public key without its comment, e.g. ssh-ed25519 AAAA…',
  );

/** An absolute path of plain characters: what the facts script takes. */
export const plainPathSchema = z
  .string()
  .max(300)
  .regex(/^(\/[A-Za-z0-9_+@:,=-][A-Za-z0-9._+@:,=-]*)+$/, 'must be an absolute path without "..", spaces or quotes');

/** One user of a Linux host on which actions may run commands. */
export const sshHostTargetSchema = z.strictObject({
  kind: z.literal('ssh-host'),
  ...targetBase,
  /** Name or IP address. */
  address: z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?$/, 'must be a host name or an IP address'),
  port: z.int().min(1).max(65_535),
  /** The user that commands run as, and the certificate's only principal. Its login shell must be a POSIX one. */
  user: z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/),
  /** The host's public keys; no other is spoken to. */
  hostKeys: z.array(publicKeySchema).max(10),
  /** Public keys of CAs that sign host keys for this address. */
  hostAuthorities: z.array(publicKeySchema).max(5),
  /** Addresses or CIDR ranges, as the host sees them, of the worker, the executor and the notary. */
  sourceAddresses: z.array(z.string().max(49)).min(1).max(20),
  /** When given, only these programs may be run. */
  allowedPrograms: z.array(plainPathSchema).min(1).max(200).optional(),
  vault: z.strictObject({
    /** Of Vault's SSH engine. */
    mount: vaultNameSchema,
    /** Its certificates force the facts command. */
    previewRole: vaultNameSchema,
    executeRole: vaultNameSchema,
    /** Its certificates force the command that ends what is left of an action. */
    witnessRole: vaultNameSchema,
    ...childTokenRoles,
  }),
});
export type SshHostTarget = z.infer<typeof sshHostTargetSchema>;

export const targetKind: TargetKind<SshHostTarget> = {
  kind: 'ssh-host',
  cedarType: 'Host',
  schema: sshHostTargetSchema,

  findProblems({ hostKeys, hostAuthorities, sourceAddresses }) {
    const problems: TargetProblem[] = [];
    if (hostKeys.length + hostAuthorities.length === 0) {
      const message = 'names no host key and no host authority: whoever answers could not be told from the host';
      problems.push({ field: ['hostKeys'], message });
    }
    for (const [position, address] of sourceAddresses.entries()) {
      if (isAddressOrRange(address)) continue;
      const message = `"${address}" must be an IP address or a CIDR range, e.g. 10.1.0.0/24`;
      problems.push({ field: ['sourceAddresses', position], message });
    }
    return problems;
  },

  exclusives: ({ address, port, user, vault }) => [
    // One user under two names could be asked for under the laxer one.
    { field: ['user'], key: `SSH user ${user} on ${address.toLowerCase()}:${String(port)}` },
    ...(['previewRole', 'executeRole', 'witnessRole'] as const).map((role) => ({
      field: ['vault', role],
      key: `Vault role ${vault.mount}/${vault[role]}`,
    })),
  ],

  tokenRoles: ({ vault }) => tokenRolesOf(vault),
  createWitness: createSshHostWitness,
};

function isAddressOrRange(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || more.length > 0) return false;
  return (
    bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) > 0 && Number(bits) <= (version === 4 ? 32 : 128))
  );
}
