import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { z } from 'zod';
import type { Flag, Preview } from '../../src/core/schemas/action.js';
import { Secret } from '../../src/core/secret.js';
import { openHost } from '../../src/operations/host.js';
import { operation } from '../../src/operations/infra-apply.js';
import { paramsSchema, type InfraApplyParams } from '../../src/operations/infra-apply/params.js';
import type { FoundOutcome, OperationHost } from '../../src/operations/operation.js';
import type { Contents, KeptContents } from '../../src/record/contents.js';
import { createSourceUploads } from '../../src/record/postgres-source-uploads.js';
import { createContents } from '../../src/record/postgres-contents.js';
import type { InfraTarget } from '../../src/targets/infra.js';
import type { DatabaseLogin } from '../../src/vault/credentials/database.js';
import { createDataKeys } from '../../src/vault/data-keys.js';
import type { LeasedCredential } from '../../src/vault/leases.js';
import { infraPrograms, makeRepository, startInfra, type InfraFixture, type Repository } from '../support/infra.js';
import { installForTest, type TestInstallation } from '../support/installation.js';

const credsSchema = z.object({ lease_id: z.string(), data: z.object({ username: z.string(), password: z.string() }) });

export interface Shown {
  preview: Preview;
  flags: Flag[];
}

export interface Run {
  beginEffect?: (now: Shown) => Promise<void>;
  keepsakes?: KeptContents;
  signal?: AbortSignal;
}

/** A workspace without state for each test, a repository, a content store, and leases of the real Vault. */
export interface InfraHarness {
  readonly repository: Repository;
  readonly infra: InfraFixture;
  readonly contents: Contents;
  /** As the gateway keeps an agent's tarball. */
  upload(agent: string, tarball: Uint8Array): Promise<string>;
  lease(purpose: 'preview' | 'execute'): Promise<LeasedCredential<DatabaseLogin>>;
  paramsOf(commit: string, change?: Partial<InfraApplyParams>): InfraApplyParams;
  /** Names in the environment of all git commands so far. */
  gitEnvironment(): Promise<ReadonlySet<string>>;
  previewOf(params: InfraApplyParams, change?: Partial<InfraTarget>, by?: PreviewBy): Promise<Shown>;
  execute(params: InfraApplyParams, approved: Preview, run?: Run): Promise<Record<string, unknown>>;
  findOutcome(params: InfraApplyParams, approved: Preview): Promise<FoundOutcome>;
}

export interface PreviewBy {
  credential?: LeasedCredential<DatabaseLogin>;
  keepsakes?: Contents;
}

/** Registers the hooks that start and stop it. */
export function useInfraHarness(): InfraHarness {
  let started:
    | (Pick<InfraHarness, 'repository' | 'infra' | 'contents' | 'upload'> & {
        installation: TestInstallation;
        host: OperationHost;
      })
    | undefined;
  let scratch = '';
  const here = () => {
    if (started === undefined) throw new Error('the workspace is not made yet');
    return started;
  };
  beforeAll(async () => {
    const installation = await installForTest();
    const repository = await makeRepository();
    const infra = await startInfra(installation, {
      name: 'network',
      environment: 'production',
      sources: { git: [repository.path], tarballs: [] },
      variables: [{ name: 'region', type: 'string' }],
    });
    const worker = await installation.become('worker');
    const keys = createDataKeys({ client: worker.vault, mount: installation.vault.mounts.transit });
    const contents = createContents({ pool: worker.pool, keys });
    scratch = await mkdtemp(join(tmpdir(), 'countersign-infra-'));
    const { tofu, git } = infraPrograms();
    // The names in git's environment, whoever starts it.
    const noting = `/usr/bin/env | /usr/bin/cut -d= -f1 >> '${join(scratch, 'git-environment')}'`;
    await writeFile(join(scratch, 'git'), `#!/bin/sh\n${noting}\nexec '${git}' "$@"\n`, { mode: 0o755 });
    const programs = Object.entries({ tofu, git: join(scratch, 'git') });
    const host = await openHost({ COUNTERSIGN_SCRATCH_DIR: join(scratch, 'work'), COUNTERSIGN_PROGRAMS: programs });
    const { pool, contents: ofGateway } = await installation.become('gateway');
    const uploads = createSourceUploads({ pool, contents: ofGateway });
    const upload = async (agent: string, tarball: Uint8Array): Promise<string> => {
      const sha256 = createHash('sha256').update(tarball).digest('hex');
      await uploads.put(agent, sha256, tarball);
      return sha256;
    };
    started = { installation, repository, infra, contents, upload, host };
  });
  afterAll(async () => {
    await here().infra.uninstall();
    await here().repository.remove();
    await here().installation.close();
    await rm(scratch, { recursive: true, force: true });
  });
  beforeEach(() => here().infra.writeState(null));
  // Whatever happened: neither configurations nor plans stay on the machine.
  afterEach(async () => {
    expect(await readdir(join(scratch, 'work'))).toEqual([]);
  });
  const harness: InfraHarness = {
    get repository() {
      return here().repository;
    },
    get infra() {
      return here().infra;
    },
    get contents() {
      return here().contents;
    },
    gitEnvironment: async () => new Set((await readFile(join(scratch, 'git-environment'), 'utf8')).split('\n')),
    upload: (agent, tarball) => here().upload(agent, tarball),
    async lease(purpose) {
      const path = harness.infra.paths[purpose];
      const { lease_id: leaseId, data } = credsSchema.parse(await here().installation.vaultAdmin.read(path));
      const { username, password } = data;
      const expiresAtMs = Date.now() + 90_000;
      return {
        accessor: 'a',
        leaseIds: [leaseId],
        username,
        material: { password: new Secret(password) },
        expiresAtMs,
      };
    },
    paramsOf: (commit, change = {}) =>
      paramsSchema.parse({
        target: 'network',
        source: { kind: 'git', repository: harness.repository.path, commit },
        ...change,
      }),
    async previewOf(params, change = {}, { credential, keepsakes = here().contents } = {}) {
      const target = { ...harness.infra.target, ...change };
      await operation.check(params, target);
      return operation.preview({
        ...askedOf(params, target),
        credential: credential ?? (await harness.lease('preview')),
        past: { sameKind: 1 },
        host: here().host,
        keepsakes,
        nowMs: Date.now(),
        signal: AbortSignal.timeout(60_000),
      });
    },
    async execute(params, approved, run = {}) {
      return operation.execute({
        ...askedOf(params, harness.infra.target),
        credential: await harness.lease('execute'),
        approved,
        host: here().host,
        keepsakes: run.keepsakes ?? here().contents,
        artefactsDir: scratch,
        retainUntilMs: Date.now() + 60_000,
        progress: () => undefined,
        signal: run.signal ?? AbortSignal.timeout(60_000),
        beginEffect: run.beginEffect ?? (async () => undefined),
      });
    },
    findOutcome: (params, approved) =>
      operation.findOutcome({
        ...askedOf(params, harness.infra.target),
        approved,
        keepsakes: here().contents,
        artefactsDir: scratch,
        lease: () => harness.lease('execute'),
      }),
  };
  return harness;
}

function askedOf(params: InfraApplyParams, target: InfraTarget) {
  return { actionId: ulid(), agent: 'infra-bot', params, target };
}

/** The error of what must fail. */
export async function errorOf(work: Promise<unknown>): Promise<Error> {
  return work.then(
    () => Promise.reject(new Error('it was not refused')),
    (error: unknown) => error as Error,
  );
}

export const base = {
  'main.tf': 'resource "terraform_data" "kept" {\n  input = "one"\n}\nvariable "region" {\n  default = "eu"\n}\n',
};

/** Three more, one of them with a secret in it. */
export const more = {
  'main.tf': `${base['main.tf']}
resource "terraform_data" "made" {
  for_each = toset(["a", "b"])
  input    = "\${var.region}-\${each.key}"
}
variable "password" {
  default   = "hunter2-canary"
  sensitive = true
}
resource "terraform_data" "secret" {
  input = { password = var.password, user = "app" }
}
output "made" { value = terraform_data.made["a"].output }
`,
};
