import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import type { Policy } from '../../policy/policy.js';
import type { Contents } from '../../record/contents.js';
import type { Record as ActionRecord } from '../../record/record.js';
import type { Decisions } from '../decisions.js';
import type { Intake } from '../intake.js';
import type { Refusals } from '../refusals.js';
import type { Unfreezing } from '../unfreezing.js';
import type { Withdrawals } from '../withdrawals.js';
import { createAgentTokens } from './agent-tokens.js';
import { createOidcIssuer } from './oidc-issuer.js';
import { createCookies } from './page/session.js';
import { createSignIn } from './page/sign-in.js';
import { createPersonTokens } from './people.js';
import { createPrincipals, nameOf } from './principals.js';
import { createIdentify } from './route-parts.js';
import { actionRoutes } from './routes/actions.js';
import { decisionRoutes } from './routes/decisions.js';
import { healthRoutes, type HealthRoutesOptions } from './routes/health.js';
import { incidentRoutes } from './routes/incidents.js';
import { listRoute } from './routes/list.js';
import { attachRoute, logsRoute } from './routes/logs.js';
import { outputRoutes } from './routes/outputs.js';
import { pageRoutes } from './routes/pages.js';
import { resourceMetadataRoute } from './routes/resource-metadata.js';
import { submitRoute } from './routes/submit.js';
import { acceptJson, createServer } from './server.js';
import { createWatch } from './watch.js';
import type { WorkloadTokens } from './workload-tokens.js';

export interface ApiOptions extends HealthRoutesOptions {
  policy: () => Policy;
  record: ActionRecord;
  contents: Pick<Contents, 'get'>;
  intake: Intake;
  decisions: Decisions;
  withdrawals: Withdrawals;
  unfreezing: Unfreezing;
  /** The tokens of agents without a key. */
  workloads: WorkloadTokens;
  refusals: Refusals;
  clock: () => number;
  log: FastifyBaseLogger | false;
  /** Addresses or CIDR ranges of the proxies whose `X-Forwarded-For` is believed; empty: nobody's is. */
  trustedProxies: readonly string[];
  /** How people and agents reach this gateway; without a slash at the end. */
  publicUrl: string;
  /** `tokenTypes`: `typ` of people's access tokens, in lower case. */
  oidc: { issuer: string; audience: string; clientId: string; tokenTypes: readonly string[] };
  /** 32 bytes in base64url; undefined: made now. */
  sessionKey: string | undefined;
  artefactsDir: string;
}

/** The gateway's HTTP server: `/v1` for programs, `/view` for people, ready to listen or to take another channel's plugin. */
export async function createApi(options: ApiOptions): Promise<FastifyInstance> {
  const { policy, record, clock, publicUrl, oidc, artefactsDir } = options;
  const issuer = createOidcIssuer(oidc.issuer, clock);
  const readPerson = createPersonTokens({ ...oidc, issuer, policy });
  const readAgent = createAgentTokens({ policy, publicUrl, clock });
  const identify = createIdentify(createPrincipals({ readPerson, readAgent, workloads: options.workloads }));
  const app = await createServer({
    ...options,
    senderOf: (request) => {
      const principal = identify.find(request);
      return principal === undefined ? null : nameOf(principal);
    },
  });
  const closing = new AbortController();
  app.addHook('preClose', async () => {
    closing.abort();
  });

  await app.register(
    async (scope) => {
      acceptJson(scope);
      const watch = createWatch(record);
      await scope.register(async (raw) => {
        submitRoute(raw, options);
        attachRoute(raw, options);
      });
      listRoute(scope, { record, identify });
      actionRoutes(scope, { record, watch, identify, closing: closing.signal });
      decisionRoutes(scope, { decisions: options.decisions, withdrawals: options.withdrawals, identify });
      incidentRoutes(scope, { record, unfreezing: options.unfreezing, identify });
      logsRoute(scope, { record, contents: options.contents, identify });
      outputRoutes(scope, { record, artefactsDir, identify, clock });
    },
    { prefix: '/v1' },
  );
  await app.register(async (scope) => {
    const cookies = createCookies({ key: options.sessionKey, hasTls: publicUrl.startsWith('https:'), clock });
    const signIn = createSignIn({ issuer, clientId: oidc.clientId, redirectUri: `${publicUrl}/callback` });
    pageRoutes(scope, { policy, record, contents: options.contents, cookies, signIn });
  });
  healthRoutes(app, options);
  resourceMetadataRoute(app, options);
  return app;
}
