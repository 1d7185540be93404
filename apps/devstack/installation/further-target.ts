import { EXECUTE_USES, PREVIEW_USES } from '../../../src/operations/vault-policy/execute.js';
import { policyReaderPolicy, policyWriterPolicy } from '../../../src/operations/vault-policy/vault-role.js';
import type { AwsTarget } from '../../../src/targets/aws.js';
import type { SshHostTarget } from '../../../src/targets/ssh-host.js';
import type { Target } from '../../../src/targets/targets.js';
import type { VaultTarget } from '../../../src/targets/vault.js';
import type { VaultClient } from '../../../src/vault/client.js';
import { installAwsTarget, uninstallAwsTarget } from './aws-target.js';
import { installInfra, type InfraSpec } from './infra-target.js';
import { grantLeasing, type LeasingScope } from './leasing-rights.js';
import type { Names } from './names.js';
import { installSshAuthority, installSshRoles, signCommandPolicy, signFixedPolicy, sshNames } from './ssh-host.js';
import { allow } from './vault-policies/rules.js';

/** Sets up one target beyond the databases of an installation, once the processes' logins are made. */
export type FurtherTarget = (scope: FurtherScope) => Promise<InstalledTarget>;

export interface FurtherScope {
  admin: VaultClient;
  /** PostgreSQL as its administrator. */
  adminUrl: string;
  names: Names;
  maxTtlSeconds: number;
}

export interface InstalledTarget {
  target: Target;
  uninstall(): Promise<void>;
}

/** For `vault.policy`: the Vault that Countersign leases from. */
export function vaultPolicies(spec: Omit<VaultTarget, 'kind' | 'vault'>): FurtherTarget {
  return async (scope) => {
    const { installation } = scope.names;
    const vault = {
      previewTokenRole: `${installation}-preview-${spec.name}`,
      executeTokenRole: `${installation}-execute-${spec.name}`,
    };
    const patterns = [spec.policies, spec.protectedPolicies] as const;
    const uninstall = await grantLeasing(leasingScope(scope), {
      preview: { name: vault.previewTokenRole, policy: policyReaderPolicy(...patterns), uses: PREVIEW_USES },
      execute: { name: vault.executeTokenRole, policy: policyWriterPolicy(...patterns), uses: EXECUTE_USES },
    });
    return { target: { kind: 'vault', ...spec, vault }, uninstall };
  };
}

/** For `infra.apply`: a workspace whose state lies in a database of the installation's own. */
export function infraWorkspace(spec: InfraSpec): FurtherTarget {
  return async (scope) => {
    const { target, policies, paths, uninstall } = await installInfra(scope, spec);
    const { previewTokenRole, executeTokenRole } = target.vault;
    const takeBack = await grantLeasing(leasingScope(scope), {
      preview: { name: previewTokenRole, policy: policies[previewTokenRole] ?? '', leases: [paths.preview] },
      execute: { name: executeTokenRole, policy: policies[executeTokenRole] ?? '', leases: [paths.execute] },
      witness: allow(paths.witness, ['read']),
    });
    return {
      target,
      async uninstall() {
        await takeBack();
        await uninstall();
      },
    };
  };
}

/** What an SSH host is known by, once it trusts the certificates of a CA. */
type SshHost = Pick<SshHostTarget, 'address' | 'port' | 'user'> & { hostKey: string };

export type SshHostSpec = Pick<
  SshHostTarget,
  'name' | 'environment' | 'owners' | 'hours' | 'sourceAddresses' | 'allowedPrograms'
>;

/**
 * For `ssh.command`: one user of one host.
 * @param prepareHost is given the public key of the CA that the host is to trust.
 */
export function sshHost(spec: SshHostSpec, prepareHost: (authority: string) => Promise<SshHost>): FurtherTarget {
  return async (scope) => {
    const { admin, names } = scope;
    const vault = sshNames(names.installation, spec.name);
    const { hostKey, address, port, user } = await prepareHost(await installSshAuthority(admin, vault.mount));
    await installSshRoles({ admin, vault, user, sourceAddresses: spec.sourceAddresses });
    const takeBack = await grantLeasing(leasingScope(scope), {
      preview: { name: vault.previewTokenRole, policy: signFixedPolicy(vault, vault.previewRole, user) },
      execute: { name: vault.executeTokenRole, policy: signCommandPolicy(vault, user) },
      witness: signFixedPolicy(vault, vault.witnessRole, user),
    });
    return {
      target: { kind: 'ssh-host', ...spec, address, port, user, hostKeys: [hostKey], hostAuthorities: [], vault },
      async uninstall() {
        await takeBack();
        await admin.delete(`sys/mounts/${vault.mount}`);
      },
    };
  };
}

/** For `aws.iam.policy`: an account, by the AWS engine of HashiCorp's Vault. */
export function awsAccount(
  target: Omit<AwsTarget, 'kind' | 'vault'>,
  vaultLogin: { accessKeyId: string; secretAccessKey: string },
): FurtherTarget {
  return async ({ admin, names, maxTtlSeconds }) => {
    const options = {
      admin,
      installation: names.installation,
      approleMount: names.approleMount,
      target: { kind: 'aws' as const, ...target },
      vaultLogin,
      maxTtlSeconds,
    };
    return { target: await installAwsTarget(options), uninstall: () => uninstallAwsTarget(options) };
  };
}

function leasingScope({ admin, names, maxTtlSeconds }: FurtherScope): LeasingScope {
  return { admin, installation: names.installation, approleMount: names.approleMount, maxTtlSeconds };
}
