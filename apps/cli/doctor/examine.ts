import { mayBeInsecure } from '../connect.js';
import type { CliContext } from '../context.js';
import type { GlobalOptions } from '../host.js';
import type { Finding } from './finding.js';
import { checkGateway } from './gateway.js';
import { checkMirror } from './ledger.js';
import { checkPolicy } from './policy.js';
import { checkPostgres } from './postgres.js';
import { checkTeams } from './teams.js';
import { checkTemporal } from './temporal.js';
import { checkVault } from './vault.js';

/** All checks at once. It changes nothing anywhere. */
export async function examine(context: CliContext, options: GlobalOptions): Promise<Finding[]> {
  const { environment } = context;
  const found = await Promise.all([
    checkGateway(options.gateway ?? environment.COUNTERSIGN_GATEWAY_URL, mayBeInsecure(context, options)),
    checkTemporal(environment.COUNTERSIGN_TEMPORAL_ADDRESS, environment.COUNTERSIGN_TEMPORAL_NAMESPACE ?? 'default'),
    checkVault({
      address: environment.COUNTERSIGN_VAULT_ADDRESS,
      token: environment.COUNTERSIGN_VAULT_TOKEN,
      transitMount: environment.COUNTERSIGN_VAULT_TRANSIT_MOUNT ?? 'transit',
    }),
    checkPostgres(environment.COUNTERSIGN_RECORD_URL),
    checkMirror(environment.COUNTERSIGN_LEDGER_MIRROR_DIR, environment.COUNTERSIGN_RECORD_URL),
    checkPolicy(environment.COUNTERSIGN_POLICY_DIR, environment.COUNTERSIGN_POLICY_DIGEST),
    checkTeams(environment),
  ]);
  return found.flat();
}
