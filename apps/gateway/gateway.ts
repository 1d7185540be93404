import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import type { FastifyInstance } from 'fastify';
import { createActionWorkflows, type ActionWorkflows } from '../../src/channels/action-workflows.js';
import { createApi, type ApiOptions } from '../../src/channels/api/api.js';
import { createSourceUploads } from '../../src/record/postgres-source-uploads.js';
import { createAttachments } from '../../src/channels/attachments.js';
import { createClearing } from '../../src/channels/clearing.js';
import { createFreezing } from '../../src/channels/freezing.js';
import { createFrozenPass } from '../../src/channels/frozen-pass.js';
import { createIntake } from '../../src/channels/intake.js';
import { createRefusals } from '../../src/channels/refusals.js';
import { createDecisions } from '../../src/channels/signed-decisions.js';
import { createRetrospectives } from '../../src/channels/retrospectives.js';
import { createUnfreezing } from '../../src/channels/unfreezing.js';
import { createUnstartedPass } from '../../src/channels/unstarted.js';
import { createDeliveryLog } from '../../src/channels/webhook/delivery-log.js';
import { createWithdrawals } from '../../src/channels/withdrawals.js';
import { createSiemCursors } from '../../src/siem/cursors.js';
import { readSiemStatus } from '../../src/siem/status.js';
import { createEvidence } from '../../src/evidence/gather.js';
import { createLedger } from '../../src/ledger/postgres-ledger.js';
import { assuranceSettings } from '../../src/config/assurance.js';
import type { GatewayConfig } from '../../src/config/gateway.js';
import { budgetsInForce } from '../../src/budgets/in-force.js';
import { operations } from '../../src/operations/catalog.gen.js';
import { loopEvery } from '../loop.js';
import { askReadiness } from '../readiness.js';
import { createEndedSessions } from '../../src/channels/api/page/ended-sessions.js';
import type { Changes } from '../../src/record/changes.js';
import { listenForChanges } from '../../src/record/postgres-changes.js';
import { readAhead } from '../../src/record/read-ahead.js';
import { createRuntime, type Runtime } from '../runtime.js';
import { createIdentities } from './identities.js';
import { mountSlack } from './slack.js';
import { mountTeams } from './teams.js';

/** A gateway that answers. */
export interface RunningGateway {
  /** Where it listens, e.g. `http://127.0.0.1:8480`. */
  url: string;
  /** Resolves when its Vault token is gone for good. */
  lost: Promise<Error>;
  /** Lets running requests end (waits end early), then closes everything. */
  stop(): Promise<void>;
}

/** Starts the gateway: the HTTP API, the pages, and Slack's clicks where Slack is on. */
export async function startGateway(config: GatewayConfig): Promise<RunningGateway> {
  const runtime = await createRuntime(config, 'gateway');
  // Lazy, so that a gateway starts, and says that it is not ready, while Temporal is away.
  const connection = Connection.lazy({ address: config.COUNTERSIGN_TEMPORAL_ADDRESS });
  const changes = listenForChanges({
    pool: runtime.pool,
    onLost: (isLost) => {
      runtime.logger.warn(isLost ? 'changes are not told: looking every two seconds' : 'changes are told again');
    },
  });
  const ahead = readAhead({ record: runtime.record, changes });
  const { app, startLeft, endFrozen } = await assemble(config, runtime, { connection, changes });
  await app.listen({ host: config.COUNTERSIGN_GATEWAY_HOST, port: config.COUNTERSIGN_GATEWAY_PORT });
  const loop = loopEvery(config.COUNTERSIGN_START_SECONDS * 1_000, startLeft, runtime.onInternal);
  const ending = loopEvery(config.COUNTERSIGN_START_SECONDS * 1_000, endFrozen, runtime.onInternal);
  const { address, port, family } = app.server.address() as AddressInfo;
  return {
    lost: runtime.lost,
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${String(port)}`,
    async stop() {
      await loop.stop();
      await ending.stop();
      await app.close();
      await ahead.stop();
      await changes.close();
      await connection.close();
      await runtime.close();
    },
  };
}

interface Assembled {
  app: FastifyInstance;
  /** Starts what was put on record while Temporal was away. */
  startLeft: () => Promise<number>;
  /** Ends what is open under a freeze. Also made when one is told of. */
  endFrozen: () => Promise<number>;
}

// From dist/apps/gateway/.
const BUILT_CONSOLE = fileURLToPath(new URL('../../console', import.meta.url));

interface Connections {
  connection: Connection;
  changes: Changes;
}

async function assemble(
  config: GatewayConfig,
  runtime: Runtime,
  { connection, changes }: Connections,
): Promise<Assembled> {
  const { policy, record, contents, clock, logger } = runtime;
  const { dataConverter } = runtime.payloads;
  const client = new Client({ connection, namespace: config.COUNTERSIGN_TEMPORAL_NAMESPACE, dataConverter });
  const workflows = createActionWorkflows(client);
  const refusals = createRefusals({ record, clock, log: logger });
  const assurance = assuranceSettings(config);
  const decisions = createDecisions({ policy, record, workflows, refusals, assurance, clock });
  const identities = createIdentities(config, runtime);
  const intake = createIntake({
    policy,
    record,
    standIn: identities.standIn,
    readPrompter: identities.readPrompter,
    operations,
    refusals,
    attachments: createAttachments({ record, contents }),
    start: (action) => workflows.start(action),
    clock,
    openActionsPerAgent: config.COUNTERSIGN_OPEN_ACTIONS_PER_AGENT,
  });
  const ledger = createLedger(runtime.pool);
  const app = await createApi({
    policy,
    record,
    changes,
    endedSessions: createEndedSessions(runtime.pool, clock),
    assurance,
    consoleDir: config.COUNTERSIGN_CONSOLE_DIR ?? BUILT_CONSOLE,
    contents,
    sources: createSourceUploads({ pool: runtime.pool, contents }),
    evidence: createEvidence({ ...runtime, keyring: runtime.sealedKeyring, ledger }),
    refusals,
    decisions,
    withdrawals: createWithdrawals({ policy, record, workflows, refusals, standIn: identities.standIn }),
    freezing: createFreezing({ policy, record, operations, refusals, clock }),
    unfreezing: createUnfreezing({ policy, record, refusals, clock }),
    clearing: createClearing({ policy, record, refusals, clock }),
    retrospectives: createRetrospectives({ ...runtime, refusals, assurance, wake: workflows.lookAtDebt }),
    ledger,
    ledgerIsPublic: config.COUNTERSIGN_LEDGER_PUBLIC,
    codec: codecOf(config, runtime),
    budgets: () => budgetsInForce(policy().budgets(), operations, record),
    siem: () => readSiemStatus({ cursors: createSiemCursors(runtime.pool), ledger, clock }),
    deliveries: createDeliveryLog(runtime.pool),
    workloads: identities.workloads,
    intake,
    clock,
    log: logger,
    trustedProxies: config.COUNTERSIGN_TRUSTED_PROXIES,
    publicUrl: config.COUNTERSIGN_PUBLIC_URL,
    oidc: oidcOf(config),
    sessionKey: config.COUNTERSIGN_GATEWAY_SESSION_KEY,
    artefactsDir: config.COUNTERSIGN_ARTEFACTS_DIR,
    ready: () => askReadiness(config, runtime, connection),
  });
  await mountSlack(app, config, { runtime, decisions, refusals });
  await mountTeams(app, config, { runtime, decisions, refusals });
  const startLeft = createUnstartedPass({
    record,
    submit: (request) => intake.submit({ body: Buffer.from(JSON.stringify(request)), address: 'gateway' }),
    clock,
    onInternal: runtime.onInternal,
  });
  return { app, startLeft, endFrozen: endWhatIsFrozen(runtime, workflows, changes) };
}

function oidcOf(config: GatewayConfig): ApiOptions['oidc'] {
  return {
    issuer: config.COUNTERSIGN_OIDC_ISSUER,
    audience: config.COUNTERSIGN_OIDC_AUDIENCE,
    clientId: config.COUNTERSIGN_OIDC_CLIENT_ID,
    tokenTypes: config.COUNTERSIGN_OIDC_TOKEN_TYPES,
  };
}

/** For Temporal's UI and CLI. */
function codecOf(config: GatewayConfig, { payloads }: Runtime): ApiOptions['codec'] {
  return {
    payloads: payloads.codec,
    namespace: config.COUNTERSIGN_TEMPORAL_NAMESPACE,
    uiOrigins: config.COUNTERSIGN_TEMPORAL_UI_ORIGINS,
    audiences: config.COUNTERSIGN_CODEC_AUDIENCES,
  };
}

/** The pass that ends what is open under a freeze; made whenever something is frozen, whoever took it. */
function endWhatIsFrozen(
  { policy, record, onInternal }: Runtime,
  workflows: ActionWorkflows,
  changes: Changes,
): () => Promise<number> {
  const endFrozen = createFrozenPass({ record, workflows, people: () => policy().directory });
  changes.subscribe(({ kind }) => {
    if (kind === 'freeze' || kind === 'any') endFrozen().catch(onInternal);
  });
  return endFrozen;
}
