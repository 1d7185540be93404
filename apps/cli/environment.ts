import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { teamsConfigSchema, type TeamsConfig } from '../../src/config/teams.js';

// Empty counts as not set, as for NO_COLOR (https://no-color.org).
const text = z
  .string()
  .optional()
  .transform((value) => (value === '' ? undefined : value));

/** The settings of Teams as they are, for `doctor` to judge. */
const teamsTexts = Object.fromEntries(
  Object.entries(teamsConfigSchema.shape).map(([name, { description = '' }]) => [
    name,
    // Empty stays empty: an empty app id is a mistake, not "off".
    z.string().optional().describe(`For \`doctor\`: ${description}`),
  ]),
) as Record<keyof TeamsConfig, z.ZodOptional<z.ZodString>>;

/** What the CLI reads from its environment; options of the command line come first. */
export const cliEnvironmentSchema = z.object({
  COUNTERSIGN_GATEWAY_URL: text.describe('Address of the gateway, without `/v1`.'),
  COUNTERSIGN_INSECURE_HTTP: text.describe('`true`: the gateway may be an `http` address of another machine.'),
  COUNTERSIGN_AGENT: text.describe("The agent's id, to act as an agent."),
  COUNTERSIGN_AGENT_KEY_FILE: text.describe("File with the agent's private key (PEM)."),
  COUNTERSIGN_AGENT_TOKEN_FILE: text.describe('File with the token of an agent without a key (JWT).'),
  COUNTERSIGN_OIDC_ISSUER: text.describe('Identity provider to sign in at. Default: the one the gateway names.'),
  COUNTERSIGN_OIDC_CLIENT_ID: text.describe('Client id of the CLI at the identity provider.'),
  COUNTERSIGN_OIDC_RESOURCE: text.describe('Resource (RFC 8707) to ask a token for.'),
  COUNTERSIGN_TEMPORAL_ADDRESS: text.describe('For `doctor`: host and port of Temporal.'),
  COUNTERSIGN_TEMPORAL_NAMESPACE: text.describe('For `doctor`: namespace in Temporal.'),
  COUNTERSIGN_VAULT_ADDRESS: text.describe('For `doctor`: address of Vault.'),
  COUNTERSIGN_VAULT_TOKEN: text.describe('For `doctor`: a token that may read the transit keys.'),
  COUNTERSIGN_VAULT_TRANSIT_MOUNT: text.describe('For `doctor`: mount of the transit engine.'),
  COUNTERSIGN_RECORD_URL: text.describe('For `doctor`: PostgreSQL URL of the record.'),
  COUNTERSIGN_LEDGER_MIRROR_DIR: text.describe(
    'For `doctor`: the folder of the ledger’s mirror, as the notary has it.',
  ),
  COUNTERSIGN_POLICY_DIR: text.describe('For `doctor` and `verify`: folder of the policy bundle.'),
  COUNTERSIGN_POLICY_DIGEST: text.describe('For `doctor`: digest of the only bundle that may load.'),
  ...teamsTexts,
  COUNTERSIGN_ROOT_KEY: text.describe(
    'For `verify`, `replay` and `keyring`: raw public key of the offline root, in base64, or a file with it.',
  ),
  COUNTERSIGN_KEYRING_FILE: text.describe('For `verify`: the keyring, signed by the root.'),
  XDG_CONFIG_HOME: text.describe('Where the sign-in is kept. Default: `~/.config`.'),
  NO_COLOR: text.describe('Set: no colours.'),
  TERM: text,
});
export type CliEnvironment = z.infer<typeof cliEnvironmentSchema>;

export function readCliEnvironment(variables: NodeJS.ProcessEnv = process.env): CliEnvironment {
  return cliEnvironmentSchema.parse(variables);
}

/** The file that holds the sign-ins. */
export function credentialsFileOf(environment: CliEnvironment): string {
  return join(environment.XDG_CONFIG_HOME ?? join(homedir(), '.config'), 'countersign', 'credentials.json');
}
