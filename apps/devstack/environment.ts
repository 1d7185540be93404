import { z } from 'zod';
import { onCallConfigSchema } from '../../src/config/on-call.js';
import { slackConfigSchema, slackGatewayConfigSchema } from '../../src/config/slack.js';
import { teamsConfigSchema } from '../../src/config/teams.js';
import { webhooksConfigSchema } from '../../src/config/webhooks.js';

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
  /** Settings of Slack, Teams, PagerDuty, webhooks: whoever has them tries them on the development stack. */
  readonly chats: ChatSettings;
}

export interface ChatSettings {
  /** For worker and notary. */
  readonly posting: Record<string, string>;
  readonly gateway: Record<string, string>;
}

/** The part of the environment that the development services depend on; the only reader of it. */
export function readDevstackEnvironment(variables: NodeJS.ProcessEnv = process.env): DevstackEnvironment {
  const parsed = environmentSchema.parse(variables);
  return {
    searchPath: parsed.PATH,
    vaultBinary: parsed.COUNTERSIGN_VAULT_BIN,
    tofuBinary: parsed.COUNTERSIGN_TOFU_BIN,
    chats: chatSettings(variables),
  };
}

function chatSettings(variables: NodeJS.ProcessEnv): ChatSettings {
  const given = (names: readonly string[]): Record<string, string> =>
    Object.fromEntries(
      names
        .flatMap((name) => [name, `${name}_FILE`])
        .flatMap((name) => {
          const value = variables[name];
          return value === undefined || value === '' ? [] : [[name, value]];
        }),
    );
  const teams = Object.keys(teamsConfigSchema.shape);
  const others = [onCallConfigSchema, webhooksConfigSchema].flatMap(({ shape }) => Object.keys(shape));
  return {
    posting: given([...Object.keys(slackConfigSchema.shape), ...teams, ...others]),
    gateway: given([...Object.keys(slackGatewayConfigSchema.shape), ...teams]),
  };
}
