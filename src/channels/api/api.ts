import type { PayloadCodec } from '@temporalio/common';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import type { Policy } from '../../policy/policy.js';
import type { AssuranceSettings } from '../../core/assurance.js';
import type { Changes } from '../../record/changes.js';
import type { PostgresLedger } from '../../ledger/postgres-ledger.js';
import type { Contents } from '../../record/contents.js';
import type { Record as ActionRecord } from '../../record/record.js';
import type { SourceUploads } from '../../record/source-uploads.js';
import type { Decisions } from '../decisions.js';
import type { Intake } from '../intake.js';
import type { Refusals } from '../refusals.js';
import type { Freezing } from '../freezing.js';
import type { Clearing } from '../clearing.js';
import type { Retrospectives } from '../retrospectives.js';
import type { Unfreezing } from '../unfreezing.js';
import type { SiemStatus } from '../../siem/status.js';
import type { DeliveryLog } from '../webhook/delivery-log.js';
import type { Withdrawals } from '../withdrawals.js';
import { createAgentTokens } from './agent-tokens.js';
import { createCodecReaders } from './codec-readers.js';
import { createOidcIssuer } from './oidc-issuer.js';
import { createEventStreams } from './event-streams.js';
import type { EndedSessions } from './page/ended-sessions.js';
import { createCookies } from './page/session.js';
import { createSessions } from './page/sessions.js';
import { createSignIn } from './page/sign-in.js';
import { createPersonTokens, createViewerTokens } from './people.js';
import { createPrincipals, nameOf } from './principals.js';
import { createIdentify } from './route-parts.js';
import { actionRoutes } from './routes/actions.js';
import { alarmRoutes } from './routes/alarms.js';
import { codecRoutes } from './routes/codec.js';
import { consoleRoutes } from './routes/console.js';
import { decisionRoutes } from './routes/decisions.js';
import { eventRoutes } from './routes/events.js';
import { evidenceRoute, type EvidenceRouteOptions } from './routes/evidence.js';
import { debtRoutes } from './routes/debts.js';
import { freezeRoutes } from './routes/freezes.js';
import { healthRoutes, type HealthRoutesOptions } from './routes/health.js';
import { budgetsRoute, type BudgetRouteOptions } from './routes/budgets.js';
import { incidentRoutes } from './routes/incidents.js';
import { ledgerProofRoute, ledgerRoutes } from './routes/ledger.js';
import { listRoute, statementsRoute } from './routes/list.js';
import { attachRoute, logsRoute } from './routes/logs.js';
import { outputRoutes } from './routes/outputs.js';
import { queueRoute } from './routes/queue.js';
import { resourceMetadataRoute } from './routes/resource-metadata.js';
import { sessionRoutes } from './routes/session.js';
import { sourcesRoute } from './routes/sources.js';
import { submitRoute } from './routes/submit.js';
import { siemRoute } from './routes/siem.js';
import { webhookRoutes } from './routes/webhooks.js';
import { acceptJson, createServer } from './server.js';
import { createWatch } from './watch.js';
import type { WorkloadTokens } from './workload-tokens.js';

export interface ApiOptions extends HealthRoutesOptions {
  policy: () => Policy;
  record: ActionRecord;
  changes: Changes;
  endedSessions: EndedSessions;
  contents: Pick<Contents, 'get'>;
  sources: SourceUploads;
  evidence: EvidenceRouteOptions['evidence'];
  intake: Intake;
  decisions: Decisions;
  withdrawals: Withdrawals;
  freezing: Freezing;
  unfreezing: Unfreezing;
  clearing: Clearing;
  retrospectives: Retrospectives;
  ledger: PostgresLedger;
  /** Whether checkpoints and tiles are for everybody. */
  ledgerIsPublic: boolean;
  /** For Temporal's UI and CLI: payloads in clear. */
  codec: {
    payloads: Pick<PayloadCodec, 'decode'>;
    namespace: string;
    uiOrigins: readonly string[];
    /** `aud` of the tokens that Temporal's UI hands on. */
    audiences: readonly string[];
  };
  /** What agents may come to together, and how far it is spent. */
  budgets: BudgetRouteOptions['budgets'];
  /** How far the SIEM was sent the ledger. */
  siem: () => Promise<SiemStatus>;
  /** What became of webhooks. */
  deliveries: Pick<DeliveryLog, 'list' | 'replay'>;
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
  /** Which sign-ins are good enough where policy demands a fresh one. */
  assurance: AssuranceSettings;
  /** Folder of the built full view. */
  consoleDir: string;
  artefactsDir: string;
}

/** The gateway's HTTP server: `/v1` for programs, the full view for people, ready to listen or to take another channel's plugin. */
export async function createApi(options: ApiOptions): Promise<FastifyInstance> {
  const parts = createParts(options);
  const { identify } = parts;
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

  await app.register((scope) => apiRoutes(scope, options, parts, closing.signal), { prefix: '/v1' });
  await app.register(
    (scope, _options, done) => {
      const { payloads: codec, namespace, uiOrigins } = options.codec;
      codecRoutes(scope, { ...options, codec, namespace, uiOrigins, readPerson: parts.readCodecPerson });
      done();
    },
    { prefix: '/codec' },
  );
  sessionRoutes(app, { policy: options.policy, ...parts });
  await consoleRoutes(app, options);
  ledgerRoutes(app, { ledger: options.ledger, isPublic: options.ledgerIsPublic, identify });
  healthRoutes(app, options);
  resourceMetadataRoute(app, options);
  return app;
}

type Parts = ReturnType<typeof createParts>;

/** How people and agents prove who they are. */
function createParts({ policy, clock, publicUrl, oidc, ...options }: ApiOptions) {
  const issuer = createOidcIssuer(oidc.issuer, clock);
  const readPerson = createPersonTokens({ ...oidc, issuer, policy });
  const readAgent = createAgentTokens({ policy, publicUrl, clock });
  const { origin } = new URL(publicUrl);
  const cookies = createCookies({ key: options.sessionKey, hasTls: publicUrl.startsWith('https:'), clock });
  const sessions = createSessions({ cookies, ended: options.endedSessions, clock });
  const { workloads, assurance } = options;
  const identify = createIdentify(createPrincipals({ readPerson, readAgent, workloads, sessions, policy, origin }));
  const { clientId } = oidc;
  const redirectUri = `${publicUrl}/callback`;
  const signIn = createSignIn({ issuer, clientId, redirectUri, acrValues: assurance.acrValues, clock });
  const { audiences: viewerAudiences, uiOrigins } = options.codec;
  const readToken = createViewerTokens({ ...oidc, issuer, viewerAudiences, policy });
  const readCodecPerson = createCodecReaders({ readToken, sessions, policy, uiOrigins });
  return { identify, origin, cookies, sessions, signIn, readCodecPerson };
}

async function apiRoutes(
  scope: FastifyInstance,
  options: ApiOptions,
  { identify, sessions }: Parts,
  closing: AbortSignal,
): Promise<void> {
  const { record, changes, clock } = options;
  acceptJson(scope);
  const watch = createWatch(record, changes);
  await scope.register(async (raw) => {
    submitRoute(raw, options);
    attachRoute(raw, options);
  });
  listRoute(scope, { record, identify });
  statementsRoute(scope, { record, identify });
  actionRoutes(scope, { ...options, watch, identify, closing });
  queueRoute(scope, { ...options, identify });
  eventRoutes(scope, { ...options, watch, sessions, identify, streams: createEventStreams({ closing, clock }) });
  decisionRoutes(scope, { decisions: options.decisions, withdrawals: options.withdrawals, identify });
  incidentRoutes(scope, { ...options, identify });
  budgetsRoute(scope, { budgets: options.budgets, identify });
  debtRoutes(scope, { retrospectives: options.retrospectives, identify });
  alarmRoutes(scope, { clearing: options.clearing, identify });
  ledgerProofRoute(scope, { ledger: options.ledger, identify });
  freezeRoutes(scope, { freezing: options.freezing, unfreezing: options.unfreezing, identify });
  siemRoute(scope, { siem: options.siem, identify });
  webhookRoutes(scope, { deliveries: options.deliveries, identify });
  logsRoute(scope, { record, contents: options.contents, identify });
  evidenceRoute(scope, { record, evidence: options.evidence, identify });
  await scope.register(async (raw) => {
    sourcesRoute(raw, { ...options, identify });
  });
  outputRoutes(scope, { ...options, identify });
}
