import { ServiceFault } from '../../core/errors.js';
import type { Proof } from '../../vault/leases.js';
import { createAwsWitness } from '../aws/witness.js';
import type { AwsTarget } from '../aws.js';
import type { InfraTarget } from '../infra.js';
import { createPostgresWitness } from '../postgres/witness.js';
import type { PostgresTarget } from '../postgres.js';
import type { EndedCredential, TargetWitness, WitnessDependencies } from '../target-kind.js';

/** Asks whoever a credential was for: the state's database, the providers' one, or AWS. Of an unnamed one, all of them. */
export function createInfraWitness(dependencies: WitnessDependencies): TargetWitness<InfraTarget> {
  const databases = createPostgresWitness(dependencies);
  const accounts = createAwsWitness(dependencies);
  return {
    async proveGone(ended) {
      const { target } = ended;
      const proofs: Proof[] = [];
      for (const system of systemsOf(ended)) {
        if (system === 'state')
          proofs.push(...(await databases.proveGone({ ...ended, target: stateDatabaseOf(target) })));
        const postgres = system === 'postgres' ? providerDatabaseOf(target) : undefined;
        if (postgres !== undefined) proofs.push(...(await databases.proveGone({ ...ended, target: postgres })));
        const aws = system === 'aws' ? awsAccountOf(target) : undefined;
        if (aws !== undefined) proofs.push(...(await accounts.proveGone({ ...ended, target: aws })));
      }
      return proofs;
    },
    async close() {
      await Promise.all([databases.close(), accounts.close()]);
    },
  };
}

/** The state's database as a PostgreSQL target: it is reached, and asked for proof, in the same way. */
export function stateDatabaseOf({ state, vault, ...target }: InfraTarget): PostgresTarget {
  const { host, port, database, tls } = state;
  return { ...baseOf(target), kind: 'postgres', host, port, database, tls, vault, allowedFunctions: [] };
}

/** The database that providers log in to, in the same way; undefined when there is none. */
export function providerDatabaseOf({ providerCredentials, vault, ...target }: InfraTarget): PostgresTarget | undefined {
  if (providerCredentials?.postgres === undefined) return undefined;
  const { host, port, database, tls, ...own } = providerCredentials.postgres;
  // Named apart from the state's: proofs tell which is which.
  const name = `${target.name}.postgres`;
  const base = { ...baseOf(target), name, kind: 'postgres' as const, allowedFunctions: [] };
  return { ...base, host, port, database, tls, vault: { ...vault, ...own } };
}

/** The account that providers work in, as an AWS target; undefined when there is none. */
export function awsAccountOf({ providerCredentials, vault, ...target }: InfraTarget): AwsTarget | undefined {
  if (providerCredentials?.aws === undefined) return undefined;
  const { mount, rolePrefix, previewRoleArn, executeRoleArn } = providerCredentials.aws;
  const [, partition, , , accountId = ''] = executeRoleArn.split(':');
  const { previewTokenRole, executeTokenRole } = vault;
  return {
    ...baseOf(target),
    kind: 'aws',
    name: `${target.name}.aws`,
    accountId,
    partition: partition as AwsTarget['partition'],
    credentials: { type: 'assumed_role', previewRoleArn, executeRoleArn },
    vault: { mount, rolePrefix, previewTokenRole, executeTokenRole },
    ownIdentities: {},
  };
}

function baseOf({ name, environment, owners, hours }: Pick<InfraTarget, 'name' | 'environment' | 'owners' | 'hours'>) {
  return { name, environment, owners, hours };
}

type System = 'state' | 'postgres' | 'aws';

/** @throws ServiceFault `target` for a credential of a role that the entry names no more: whom to ask is not known. */
function systemsOf({ target, vaultRole, actionId }: EndedCredential<InfraTarget>): System[] {
  const { vault, providerCredentials: { aws, postgres } = {} } = target;
  if (vaultRole === null) return ['state', 'postgres', 'aws'];
  if (vaultRole === vault.previewRole || vaultRole === vault.executeRole) return ['state'];
  if (vaultRole === postgres?.previewRole || vaultRole === postgres?.executeRole) return ['postgres'];
  if (aws !== undefined && vaultRole.startsWith(`${aws.rolePrefix}.`)) return ['aws'];
  throw new ServiceFault(
    'target',
    `The entry of ${target.name} names the Vault role ${vaultRole} no more: whether the user of ${actionId} is gone cannot be asked.`,
    true,
  );
}
