import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { JsonObject } from '../../src/core/json.js';
import type { Flag, Preview } from '../../src/core/schemas/action.js';
import type { DatabaseExportParams } from '../../src/operations/database-export/params.js';
import { operation } from '../../src/operations/database-export.js';
import { createPostgresWitness } from '../../src/operations/postgres-witness.js';
import type { TargetWitness } from '../../src/vault/leases.js';
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
  witness(): Promise<TargetWitness>;
}

/** Registers the hooks that start and stop it. */
export function useExportHarness(): ExportHarness {
  let shop: ExportTarget | undefined;
  let artefactsDir = '';
  const leases: TestLease[] = [];
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
        params,
        target: harness.shop.target,
        credential,
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
      return createPostgresWitness({
        findTarget: () => harness.shop.target,
        witnessCredential: async () => credential,
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
