import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { JsonObject } from '../../src/core/json.js';
import type { Flag, Preview } from '../../src/core/schemas/action.js';
import type { DatabaseExportParams } from '../../src/operations/database-export/params.js';
import { operation } from '../../src/operations/database-export.js';
import type { FoundOutcome, OperationHost } from '../../src/operations/operation.js';
import type { PostgresTarget } from '../../src/targets/postgres.js';
import type { EndedCredential } from '../../src/targets/target-kind.js';
import { createWitnessWith } from '../../src/targets/postgres/witness.js';
import type { Proof } from '../../src/vault/leases.js';
import { noKeepsakes } from '../support/keepsakes.js';
import { startExportTarget, type ExportTarget, type TestLease } from './export-target.js';

export interface Run {
  lease?: TestLease;
  signal?: AbortSignal;
  beginEffect?: Parameters<typeof operation.execute>[0]['beginEffect'];
}

/** A shop for all tests of a file, a folder for each, and leases that are revoked after it. */
export interface ExportHarness {
  readonly shop: ExportTarget;
  readonly artefactsDir: string;
  lease(kind?: 'reader' | 'witness'): Promise<TestLease>;
  preview(params: DatabaseExportParams, allowedFunctions?: string[]): Promise<{ preview: Preview; flags: Flag[] }>;
  execute(params: DatabaseExportParams, run?: Run): Promise<{ actionId: string; result: JsonObject }>;
  /** Asks as a new witness whether an action's user is gone. */
  witness(): Promise<(actionId: string, username: string | null) => Promise<Proof[]>>;
  findOutcome(actionId: string): Promise<FoundOutcome>;
}

/** What the witness is asked about a user. */
export function endedOf(
  target: PostgresTarget,
  actionId: string,
  username: string | null,
): EndedCredential<PostgresTarget> {
  return { target, actionId, purpose: 'execute', username, vaultRole: null, leasedAtMs: Date.now(), ttlSeconds: 60 };
}

// An export runs no program and needs no scratch folder.
const HOST: OperationHost = {
  scratchDir: '/nonexistent',
  program: () => {
    throw new Error('an export runs no program');
  },
};

/** Registers the hooks that start and stop it. */
export function useExportHarness(): ExportHarness {
  let shop: ExportTarget | undefined;
  let artefactsDir = '';
  const leases: TestLease[] = [];
  const witnesses: { close(): Promise<void> }[] = [];
  beforeAll(async () => {
    shop = await startExportTarget();
  }, 60_000);
  afterAll(async () => {
    await shop?.stop();
  });
  beforeEach(async () => {
    artefactsDir = await mkdtemp(join(tmpdir(), 'countersign-export-'));
  });
  afterEach(async () => {
    await Promise.all(witnesses.splice(0).map((witness) => witness.close()));
    await Promise.all(leases.splice(0).map((lease) => lease.revoke()));
    await rm(artefactsDir, { recursive: true, force: true });
  });
  const harness: ExportHarness = {
    get shop() {
      if (shop === undefined) throw new Error('the target is not started yet');
      return shop;
    },
    get artefactsDir() {
      return artefactsDir;
    },
    async lease(kind) {
      const issued = await harness.shop.lease(kind);
      leases.push(issued);
      return issued;
    },
    async preview(params, allowedFunctions = harness.shop.target.allowedFunctions) {
      const { credential } = await harness.lease();
      const target = { ...harness.shop.target, allowedFunctions };
      return operation.preview({
        actionId: ulid(),
        agent: 'exporter',
        host: HOST,
        keepsakes: noKeepsakes,
        params,
        target,
        credential,
        past: { sameKind: 1 },
        nowMs: Date.now(),
        signal: AbortSignal.timeout(20_000),
      });
    },
    async execute(params, run = {}) {
      const { actionId, credential } = run.lease ?? (await harness.lease());
      const result = await operation.execute({
        actionId,
        agent: 'exporter',
        host: HOST,
        keepsakes: noKeepsakes,
        params,
        target: harness.shop.target,
        credential,
        approved: (await harness.preview(params)).preview,
        artefactsDir,
        retainUntilMs: Date.now() + 60_000,
        progress: () => undefined,
        signal: run.signal ?? AbortSignal.timeout(60_000),
        beginEffect: run.beginEffect ?? (async () => undefined),
      });
      return { actionId, result };
    },
    async witness() {
      const { credential } = await harness.lease('witness');
      const { username, material } = credential;
      const witness = createWitnessWith({ login: async () => ({ username, password: material.password }) });
      witnesses.push(witness);
      return (actionId, user) => witness.proveGone(endedOf(harness.shop.target, actionId, user));
    },
    async findOutcome(actionId) {
      const { target } = harness.shop;
      const { preview } = await harness.preview(paramsOf('SELECT id FROM orders'));
      return operation.findOutcome({
        actionId,
        agent: 'exporter',
        params: paramsOf('SELECT id FROM orders'),
        target,
        approved: preview,
        keepsakes: noKeepsakes,
        artefactsDir,
        lease: async () => (await harness.lease()).credential,
      });
    },
  };
  return harness;
}

export function paramsOf(query: string, more: Partial<DatabaseExportParams> = {}): DatabaseExportParams {
  return { target: 'orders', query, format: 'csv', ...more };
}

/** The error of what must fail. */
export async function errorOf(work: Promise<unknown>): Promise<Error> {
  try {
    await work;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it was not refused');
}
