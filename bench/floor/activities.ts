import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { copyOut } from './copy.js';
import type { BareLease, BareVault, LeaseName } from './vault.js';
import type { BareRecord } from './record.js';

export interface FloorActivities {
  prepare(actionId: string): Promise<LeaseName>;
  announce(actionId: string): Promise<void>;
  run(actionId: string): Promise<LeaseName>;
  conclude(actionId: string, leases: readonly LeaseName[]): Promise<void>;
}

/** Where the floor's export reads, and with which roles. */
export interface FloorTarget {
  host: string;
  port: number;
  database: string;
  preview: { tokenRole: string; credentialPath: string };
  execute: { tokenRole: string; credentialPath: string };
}

export interface FloorDependencies {
  vault: BareVault;
  record: BareRecord;
  target: FloorTarget;
  outputDir: string;
  query: string;
}

/**
 * What an action cannot do without, at the places where Countersign does it: the leases of preview and execution, Vault's
 * word that they are gone, a signature and a commit for each statement, and the copy. No check, no preview of the target,
 * no word of the target's that its users are gone.
 */
export function createFloorActivities({ vault, record, target, outputDir, query }: FloorDependencies): FloorActivities {
  const lease = async (actionId: string, role: FloorTarget['preview']): Promise<BareLease> => {
    const wrapped = await vault.createWrapped(role.tokenRole, actionId);
    await record.state(actionId, ['lease']);
    const leased = await vault.readCredential(role.credentialPath, wrapped);
    await record.state(actionId, ['credential']);
    return leased;
  };
  return {
    async prepare(actionId) {
      const leased = await lease(actionId, target.preview);
      await vault.revoke(leased);
      await record.state(actionId, ['preview']);
      await record.state(actionId, ['plan']);
      return nameOf(leased);
    },
    announce: async () => undefined,
    async run(actionId) {
      await record.state(actionId, ['claim']);
      const leased = await lease(actionId, target.execute);
      const client = new pg.Client({
        host: target.host,
        port: target.port,
        database: target.database,
        user: leased.username,
        password: leased.password,
      });
      await client.connect();
      await record.state(actionId, ['effect']);
      await writeFile(join(outputDir, `${actionId}.csv`), await copyOut(client, query));
      await record.state(actionId, ['result']);
      await client.end();
      await vault.revoke(leased);
      return nameOf(leased);
    },
    async conclude(actionId, leases) {
      await Promise.all(leases.map((lease) => vault.prove(lease)));
      await record.state(actionId, ['revocation', 'revocation']);
      await record.state(actionId, ['receipt']);
    },
  };
}

/** Without the credential: it goes into a history. */
function nameOf({ accessor, leaseId }: BareLease): LeaseName {
  return { accessor, leaseId };
}
