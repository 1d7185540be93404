import type { StandIn } from '../../src/channels/intake-signed.js';
import type { ReadPrompter } from '../../src/channels/prompters.js';
import { createOidcIssuer } from '../../src/channels/api/oidc-issuer.js';
import { createPrompterTokens } from '../../src/channels/api/people.js';
import { createWorkloadTokens, type WorkloadTokens } from '../../src/channels/api/workload-tokens.js';
import type { GatewayConfig } from '../../src/config/gateway.js';
import { keysFor } from '../../src/core/keyring.js';
import type { Runtime } from '../runtime.js';

/** Who may be proven by a token beside the people who decide: agents without a key, and those who prompt agents. */
export interface Identities {
  workloads: WorkloadTokens;
  standIn: StandIn;
  readPrompter: ReadPrompter;
}

export function createIdentities(config: GatewayConfig, runtime: Runtime): Identities {
  const { policy, clock, keyring, signers } = runtime;
  const workloads = createWorkloadTokens({ issuers: config.COUNTERSIGN_WORKLOAD_ISSUERS, policy, clock });
  return {
    workloads,
    standIn: {
      readWorkload: (token) => workloads.read(token),
      // Read anew each time: the key may be rotated.
      get signer() {
        if (signers.intake === undefined)
          throw new Error('createIdentities: this process does not hold the key intake');
        return signers.intake;
      },
      keys: () => keysFor(keyring(), 'request'),
    },
    readPrompter: createPrompterTokens({
      issuer: createOidcIssuer(config.COUNTERSIGN_OIDC_ISSUER, clock),
      audiences: config.COUNTERSIGN_OIDC_PROMPTER_AUDIENCES,
      audience: config.COUNTERSIGN_OIDC_AUDIENCE,
      maxAgeSeconds: config.COUNTERSIGN_OIDC_PROMPTER_MAX_AGE_SECONDS,
      policy,
    }),
  };
}
