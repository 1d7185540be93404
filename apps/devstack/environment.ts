import { z } from 'zod';

const environmentSchema = z.object({
  PATH: z.string().default('/usr/local/bin:/usr/bin:/bin'),
  /** A `vault` or `bao` binary to start instead of the one that scripts/setup.mjs fetched. */
  COUNTERSIGN_VAULT_BIN: z.string().min(1).optional(),
  /** An OpenTofu or Terraform binary, likewise. */
  COUNTERSIGN_TOFU_BIN: z.string().min(1).optional(),
});

export interface DevstackEnvironment {
  readonly searchPath: string;
  readonly vaultBinary: string | undefined;
  readonly tofuBinary: string | undefined;
}

/** The part of the environment that the development services depend on; the only reader of it. */
export function readDevstackEnvironment(variables: NodeJS.ProcessEnv = process.env): DevstackEnvironment {
  const parsed = environmentSchema.parse(variables);
  return {
    searchPath: parsed.PATH,
    vaultBinary: parsed.COUNTERSIGN_VAULT_BIN,
    tofuBinary: parsed.COUNTERSIGN_TOFU_BIN,
  };
}
