import { z } from 'zod';
import type { ProcessName } from '../../../src/core/schemas/statements.js';
import type { AwsTarget } from '../../../src/targets/aws.js';
import { AWS_TOKEN_USES } from '../../../src/vault/credentials/aws.js';
import type { VaultClient } from '../../../src/vault/client.js';
import { awsPolicies } from './vault-policies/aws.js';

export interface AwsTargetOptions {
  admin: VaultClient;
  /** Of the installation: its processes get the rights, and everything made bears its name. */
  installation: string;
  approleMount: string;
  /** Its Vault names are filled in here. */
  target: Omit<AwsTarget, 'vault'>;
  /** As whom Vault itself acts in the account. */
  vaultLogin: { accessKeyId: string; secretAccessKey: string };
  maxTtlSeconds: number;
}

const roleSchema = z.object({ data: z.object({ token_policies: z.array(z.string()) }) });

/** Sets up Vault's AWS engine for one account: mount, witness, token roles, and the processes' further rights. */
export async function installAwsTarget(options: AwsTargetOptions): Promise<AwsTarget> {
  const { admin, installation, maxTtlSeconds } = options;
  const target = withVaultNames(options);
  const { vault } = target;
  const policies = awsPolicies(target);
  await configureEngine(options, target);
  for (const [tokenRole, policy] of [
    [vault.previewTokenRole, policies.previewLease],
    [vault.executeTokenRole, policies.executeLease],
  ] as const) {
    await admin.write(`sys/policies/acl/${tokenRole}`, { policy });
    await admin.write(`auth/token/roles/${tokenRole}`, {
      allowed_policies: [tokenRole],
      orphan: true,
      renewable: false,
      token_no_default_policy: true,
      token_explicit_max_ttl: `${maxTtlSeconds}s`,
      token_num_uses: AWS_TOKEN_USES,
      token_type: 'service',
    });
  }
  for (const process of PROCESSES) {
    const name = processPolicy(installation, process, target.name);
    await admin.write(`sys/policies/acl/${name}`, { policy: policies[process] });
    await changeProcess(options, process, (kept) => [...kept, name]);
  }
  return target;
}

/** Takes it back; leases that still live are revoked first. */
export async function uninstallAwsTarget(options: AwsTargetOptions): Promise<void> {
  const { admin, installation } = options;
  const { name: targetName, vault } = withVaultNames(options);
  for (const tokenRole of [vault.previewTokenRole, vault.executeTokenRole]) {
    await admin.delete(`auth/token/roles/${tokenRole}`);
    await admin.delete(`sys/policies/acl/${tokenRole}`);
  }
  for (const process of PROCESSES) {
    const name = processPolicy(installation, process, targetName);
    await changeProcess(options, process, (kept) => kept.filter((one) => one !== name));
    await admin.delete(`sys/policies/acl/${name}`);
  }
  await admin
    .write(`sys/leases/revoke-prefix/${vault.mount}`, { sync: true })
    .catch(() => admin.write(`sys/leases/revoke-force/${vault.mount}`, {}));
  await admin.delete(`sys/mounts/${vault.mount}`);
}

const PROCESSES = ['worker', 'executor', 'notary'] as const satisfies readonly ProcessName[];

function withVaultNames({ installation, target }: AwsTargetOptions): AwsTarget {
  return {
    ...target,
    vault: {
      mount: `${installation}-aws-${target.name}`,
      rolePrefix: 'countersign',
      previewTokenRole: `${installation}-preview-${target.name}`,
      executeTokenRole: `${installation}-execute-${target.name}`,
    },
  };
}

async function configureEngine(
  { admin, vaultLogin, maxTtlSeconds }: AwsTargetOptions,
  { vault: { mount }, credentials, endpoint }: AwsTarget,
): Promise<void> {
  await admin.write(`sys/mounts/${mount}`, { type: 'aws' });
  await admin.write(`${mount}/config/root`, {
    access_key: vaultLogin.accessKeyId,
    secret_key: vaultLogin.secretAccessKey,
    region: 'us-east-1',
    ...(endpoint === undefined ? {} : { iam_endpoint: endpoint, sts_endpoint: endpoint }),
  });
  await admin.write(`${mount}/config/lease`, { lease: `${maxTtlSeconds}s`, lease_max: `${maxTtlSeconds}s` });
  if (credentials.type === 'assumed_role') return;
  await admin.write(`${mount}/roles/${credentials.witnessRole}`, {
    credential_type: 'iam_user',
    user_path: '/countersign-witness/',
    permissions_boundary_arn: credentials.permissionsBoundaryArn,
    policy_document: JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 'iam:ListUsers', Resource: '*' }],
    }),
  });
}

function processPolicy(installation: string, process: string, target: string): string {
  return `${installation}-${process}-${target}`;
}

async function changeProcess(
  { admin, approleMount }: AwsTargetOptions,
  process: string,
  change: (policies: string[]) => string[],
): Promise<void> {
  const path = `auth/${approleMount}/role/${process}`;
  const { token_policies: policies } = roleSchema.parse(await admin.read(path)).data;
  await admin.write(path, { token_policies: change(policies) });
}
