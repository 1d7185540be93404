import { z } from 'zod';

/** Settings of the installer. */
export const installerConfigSchema = z.object({
  COUNTERSIGN_INSTALL_NAME: z
    .string()
    .regex(/^[a-z][a-z0-9]{0,19}$/)
    .default('countersign')
    .describe('Prefixes everything that is made in Vault and PostgreSQL.'),
  COUNTERSIGN_INSTALL_FOLDER: z
    .string()
    .min(1)
    .describe('Where `admin`, `root`, `place` and one folder per process are; each can be a volume of its own.'),
  COUNTERSIGN_INSTALL_POSTGRES_ADMIN_URL: z
    .url({ protocol: /^postgres(ql)?$/ })
    .describe('PostgreSQL as its administrator; its host and port are what Vault will use, and the processes too.'),
  COUNTERSIGN_INSTALL_TARGET_HOST: z
    .string()
    .min(1)
    .optional()
    .describe('Host by which the processes reach the databases they act on. Default: that of the administrator’s URL.'),
  COUNTERSIGN_INSTALL_AGENT_KEY: z
    .base64()
    .describe("Public key of the example's `export-bot`, as `countersign keygen` prints it."),
  COUNTERSIGN_INSTALL_ACCESS_AGENT_KEY: z
    .base64()
    .optional()
    .describe("The same of its `access-bot`, who asks for `database.grant` and `vault.policy`. Default: nobody's."),
  COUNTERSIGN_INSTALL_POLICY_AUTHOR_KEY: z
    .base64()
    .optional()
    .describe("The same of its `policy-author`, who proposes changes of policy. Default: nobody's."),
  COUNTERSIGN_INSTALL_VAULT_AUDIT_FILE: z.string().min(1).optional().describe("Vault's audit log, as Vault sees it."),
  COUNTERSIGN_VAULT_ADDRESS: z.url({ protocol: /^https?$/ }).describe('Address of Vault.'),
  COUNTERSIGN_TEMPORAL_ADDRESS: z.string().min(1).describe('Host and port of the Temporal frontend.'),
  COUNTERSIGN_TEMPORAL_NAMESPACE: z.string().min(1).default('countersign').describe('Temporal namespace.'),
});
export type InstallerConfig = z.infer<typeof installerConfigSchema>;
