import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Refusal } from '../../src/core/errors.js';
import { parseOrRefuse } from '../../src/core/invalid-field.js';
import { digestOf, type JsonObject } from '../../src/core/json.js';
import { previewSchema, type Flag, type Preview } from '../../src/core/schemas/action.js';
import { openHost } from '../../src/operations/host.js';
import type { Asked, FoundOutcome, OperationHost } from '../../src/operations/operation.js';
import { createWitness, kindOf, witnessOf, type Target } from '../../src/targets/targets.js';
import type { LeasedCredential, Leases, Proof } from '../../src/vault/leases.js';
import { createLeases } from '../../src/vault/vault-leases.js';
import { installForTest, type TestInstallation, type TestProcess } from '../support/installation.js';
import { patient, recorded } from '../support/leasing.js';
import { recordRequest } from '../support/statements.js';
import type { StartedSubject, Subject } from './subject.js';
import type { Contents } from '../../src/record/contents.js';
import { createContents } from '../../src/record/postgres-contents.js';
import { createDataKeys } from '../../src/vault/data-keys.js';

export interface Seen {
  preview: Preview;
  flags: Flag[];
  /** It has ended. */
  credential: LeasedCredential;
}

/** What came of an execution; its credential has ended. */
export interface Ran {
  actionId: string;
  result: JsonObject;
  credential: LeasedCredential;
}

/** What a preview may differ in from the usual: see `FlagCase`. */
export interface Looking {
  params?: JsonObject;
  target?: { readonly [field: string]: unknown };
  past?: number;
  nowMs?: number;
}

/** A lease as an action holds it, by the real leases of the process that would ask for it. */
export interface Held {
  actionId: string;
  credential: LeasedCredential;
  /** Revokes it and proves its end, as the executor or worker and then the notary do. */
  end(): Promise<Proof[]>;
}

/** An operation with its target on an installation of its own: each stage as worker, executor and notary drive it. */
export interface OperationUnderTest {
  started: StartedSubject;
  artefactsDir: string;
  scratchDir: string;
  /** Judges parameters as `admit` does. */
  admit(params: unknown): Promise<unknown>;
  lease(purpose: 'preview' | 'execute'): Promise<Held>;
  preview(looking?: Looking): Promise<Seen>;
  /** Runs it as the executor does; `beforeEffect` is called where the start of the effect goes on record. */
  execute(approved: Preview, beforeEffect?: () => Promise<void>): Promise<Ran>;
  findOutcome(actionId: string, approved: Preview): Promise<FoundOutcome>;
  close(): Promise<void>;
}

const LEASE_SECONDS = 120;

export async function startOperation(subject: Subject): Promise<OperationUnderTest> {
  const installation = await installForTest();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-contract-'));
  const scratchDir = join(folder, 'scratch');
  const artefactsDir = join(folder, 'artefacts');
  let started: StartedSubject | undefined;
  const close = async (): Promise<void> => {
    await started?.stop();
    await installation.close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    started = await subject.start(installation);
    await mkdir(artefactsDir, { mode: 0o700 });
    const host: OperationHost = {
      ...(await openHost({
        COUNTERSIGN_SCRATCH_DIR: scratchDir,
        COUNTERSIGN_PROGRAMS: Object.entries(started.programs ?? {}),
      })),
      ...started.host,
    };
    const lessor = await createLessor(subject, started, { installation, host });
    const keepsakes = await openKeepsakes(installation);
    const driven = { subject, started, lessor, host, keepsakes, artefactsDir };
    return { started, artefactsDir, scratchDir, close, ...driverOf(driven) };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Lessor {
  /** `outcome`: what asks what came of an effect. */
  lease(
    purpose: 'preview' | 'execute' | 'outcome',
    asked: Omit<Asked<unknown>, 'actionId'>,
    actionId?: string,
  ): Promise<Held>;
}

async function createLessor(
  { operation }: Subject,
  { leaseSeconds = LEASE_SECONDS, target }: StartedSubject,
  { installation, host }: { installation: TestInstallation; host: OperationHost },
): Promise<Lessor> {
  const [gateway, worker, executor, notary] = await Promise.all([
    installation.become('gateway'),
    installation.become('worker'),
    installation.become('executor'),
    installation.become('notary'),
  ]);
  const leasesOf = ({ vault, record, claims }: TestProcess, witness: ReturnType<typeof witnessOf> | null): Leases =>
    recorded(createLeases({ client: vault, record, claims, witness, clock: Date.now }));
  const targets = createWitness({ vault: notary.vault, clock: Date.now, host });
  const leasing = { preview: leasesOf(worker, null), execute: leasesOf(executor, null) };
  const concluding = patient(
    leasesOf(
      notary,
      witnessOf(targets, () => target),
    ),
  );
  const requests = new Map<string, { actionId: string; requestDigest: string }>();
  return {
    async lease(step, asked, reused) {
      const purpose = step === 'preview' ? 'preview' : 'execute';
      const { actionId, requestDigest } =
        requests.get(reused ?? '') ?? (await recordRequest(gateway.record, installation.agent));
      requests.set(actionId, { actionId, requestDigest });
      const credential = await leasing[purpose].open({
        ...((step === 'outcome' ? operation.credentialToAsk?.({ ...asked, actionId }) : undefined) ??
          operation.credentialFor(purpose, { ...asked, actionId })),
        actionId,
        requestDigest,
        actionDigest: requestDigest,
        runId: `run-of-${actionId}`,
        step,
        purpose,
        target: target.name,
        ttlSeconds: leaseSeconds,
      });
      return {
        actionId,
        credential,
        async end() {
          await leasing[purpose].revoke(credential);
          return concluding.end({ accessor: credential.accessor, actionId });
        },
      };
    },
  };
}

/** The worker's content store. */
async function openKeepsakes(installation: TestInstallation): Promise<Contents> {
  const { vault, pool } = await installation.become('worker');
  return createContents({ pool, keys: createDataKeys({ client: vault, mount: installation.vault.mounts.transit }) });
}

interface Driven {
  subject: Subject;
  started: StartedSubject;
  lessor: Lessor;
  host: OperationHost;
  keepsakes: Contents;
  artefactsDir: string;
}

function driverOf({ subject, started, lessor, host, keepsakes, artefactsDir }: Driven) {
  const { operation } = subject;
  const admit = async (params: unknown): Promise<unknown> => {
    const parsed = parseOrRefuse(operation.paramsSchema, params, 'params_invalid', 'params');
    await operation.check(parsed, started.target);
    return parsed;
  };
  const askFor = async (params: unknown = started.params): Promise<Omit<Asked<unknown>, 'actionId'>> => ({
    agent: 'export-bot',
    params: await admit(params),
    target: started.target,
  });
  const signal = AbortSignal.timeout(3_600_000);
  return {
    admit,
    lease: async (purpose: 'preview' | 'execute') => lessor.lease(purpose, await askFor()),
    async preview({ params, target, past = 1, nowMs = Date.now() }: Looking = {}) {
      const asked = await askFor(params);
      const { actionId, credential, end } = await lessor.lease('preview', asked);
      try {
        const entry = kindOf(started.target).schema.parse({ ...started.target, ...target }) as Target;
        const context = { ...asked, actionId, target: entry, credential, host, keepsakes, nowMs, signal };
        const seen = await operation.preview({ ...context, past: { sameKind: past } });
        previewSchema.parse(seen.preview);
        return { ...seen, credential };
      } finally {
        await end();
      }
    },
    async execute(approved: Preview, beforeEffect: () => Promise<void> = async () => undefined) {
      const asked = await askFor();
      const { actionId, credential, end } = await lessor.lease('execute', asked);
      try {
        const result = await operation.execute({
          ...asked,
          actionId,
          credential,
          approved,
          host,
          keepsakes,
          artefactsDir,
          retainUntilMs: Date.now() + 3_600_000,
          progress: () => undefined,
          signal,
          beginEffect: async (now) => {
            refuseWhatChanged(operation.grew, approved, now.preview);
            await beforeEffect();
          },
        });
        return { actionId, result, credential };
      } finally {
        await end();
      }
    },
    async findOutcome(actionId: string, approved: Preview) {
      const asked = await askFor();
      const held: Held[] = [];
      try {
        return await operation.findOutcome({
          ...asked,
          actionId,
          approved,
          keepsakes,
          artefactsDir,
          lease: async () => {
            const leased = await lessor.lease('outcome', asked, actionId);
            held.push(leased);
            return leased.credential;
          },
        });
      } finally {
        for (const { end } of held) await end();
      }
    },
  };
}

/** What the executor asks before each effect; see `src/enforcement/unchanged.ts`. */
function refuseWhatChanged(
  grew: (approved: Preview, now: Preview) => string | null,
  approved: Preview,
  now: Preview,
): void {
  if (now.fingerprint !== approved.fingerprint || digestOf(now.content) !== digestOf(approved.content))
    throw new Refusal('target_changed', 'What would run is not what was approved.');
  const grown = grew(approved, now);
  if (grown !== null) throw new Refusal('effect_grew', grown);
}

/** Files of operations that nobody removed. */
export async function leftovers({ scratchDir }: OperationUnderTest): Promise<string[]> {
  return readdir(scratchDir);
}
