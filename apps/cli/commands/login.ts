import type { Command } from 'commander';
import { z } from 'zod';
import { ServiceFault } from '../../../src/core/errors.js';
import { visibleLine } from '../../../src/core/visible-text.js';
import { gatewayUrl } from '../connect.js';
import type { CliContext } from '../context.js';
import { createCredentialStore } from '../credentials.js';
import { signInByDevice } from '../device-flow.js';
import { credentialsFileOf } from '../environment.js';
import { UsageError } from '../exit-codes.js';
import { report, type CommandHost, type GlobalOptions } from '../host.js';
import { instant, relative, span } from '../render/time.js';

interface LoginOptions extends GlobalOptions {
  issuer?: string;
  clientId?: string;
  resource?: string;
}

const DEFAULT_CLIENT_ID = 'countersign-cli';
const DEFAULT_RESOURCE = 'urn:countersign:api';
const SCOPE = 'openid email profile';
const METADATA_TIMEOUT_MS = 10_000;

export function addLogin({ program, context }: CommandHost): void {
  program
    .command('login')
    .description('Sign in as a person, with a browser on any device (OIDC device flow).')
    .option('--issuer <url>', 'identity provider; else COUNTERSIGN_OIDC_ISSUER, else the one the gateway names')
    .option('--client-id <id>', `client at the identity provider (default: ${DEFAULT_CLIENT_ID})`)
    .option('--resource <uri>', `resource to ask a token for (default: ${DEFAULT_RESOURCE})`)
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<LoginOptions>();
      const { environment } = context;
      const gateway = gatewayUrl(context, options);
      const issuer = options.issuer ?? environment.COUNTERSIGN_OIDC_ISSUER ?? (await askGateway(gateway));
      const tokens = await signInByDevice({
        issuer,
        clientId: options.clientId ?? environment.COUNTERSIGN_OIDC_CLIENT_ID ?? DEFAULT_CLIENT_ID,
        resource: options.resource ?? environment.COUNTERSIGN_OIDC_RESOURCE ?? DEFAULT_RESOURCE,
        scope: SCOPE,
        show: (prompt) => {
          show(context, prompt);
        },
        pause: async (ms) => context.pause(ms),
        nowMs: () => context.nowMs(),
      });
      await createCredentialStore(credentialsFileOf(environment)).save(gateway, { ...tokens, issuer });
      const until = instant(tokens.expiresAtMs);
      report(context, options, { gateway, issuer, signedIn: true, expiresAt: until }, () => [
        `Signed in at ${gateway} until ${until} (${relative(tokens.expiresAtMs, context.nowMs())}).`,
      ]);
    });
}

function show(
  { stderr }: CliContext,
  prompt: { verificationUri: string; userCode: string; expiresInSeconds: number },
): void {
  stderr.write(
    [
      `Open   ${visibleLine(prompt.verificationUri)}`,
      `Enter  ${visibleLine(prompt.userCode)}`,
      `Waiting for you; the code holds for ${span(prompt.expiresInSeconds * 1_000)}.`,
      '',
    ].join('\n'),
  );
}

const metadataSchema = z.object({ authorization_servers: z.array(z.url()).min(1) });

/** The identity provider that the gateway trusts, as OAuth 2.0 Protected Resource Metadata (RFC 9728) tells it. */
async function askGateway(gateway: string): Promise<string> {
  const { origin, pathname } = new URL(gateway);
  const url = `${origin}/.well-known/oauth-protected-resource${pathname === '/' ? '' : pathname}`;
  let answer: Response;
  try {
    answer = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(METADATA_TIMEOUT_MS) });
  } catch (error) {
    throw new ServiceFault('gateway', `The gateway at ${gateway} cannot be reached.`, true, { cause: error });
  }
  const body: unknown = answer.ok ? await answer.json().catch(() => undefined) : undefined;
  const [issuer] = metadataSchema.safeParse(body).data?.authorization_servers ?? [];
  if (issuer === undefined) {
    throw new UsageError('The gateway names no identity provider: give --issuer, or set COUNTERSIGN_OIDC_ISSUER.');
  }
  return issuer;
}
