import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { Flag, Preview } from '../../src/core/schemas/action.js';
import type { JsonObject } from '../../src/core/json.js';
import { operation } from '../../src/operations/aws-iam-policy.js';
import type { AwsIamPolicyParams } from '../../src/operations/aws-iam-policy/params.js';
import type { FoundOutcome, OperationHost } from '../../src/operations/operation.js';
import { createAwsWitness } from '../../src/targets/aws/witness.js';
import type { AwsTarget } from '../../src/targets/aws.js';
import type { TargetWitness } from '../../src/targets/target-kind.js';
import type { AwsLogin } from '../../src/vault/credentials/aws.js';
import type { LeasedCredential } from '../../src/vault/leases.js';
import { createLeases } from '../../src/vault/vault-leases.js';
import { startAwsAccount, type AwsAccount } from '../support/aws-account.js';
import { installForTest, type TestInstallation, type TestProcess } from '../support/installation.js';
import { recorded } from '../support/leasing.js';
import { recordRequest } from '../support/statements.js';
import { noKeepsakes } from '../support/keepsakes.js';

type Purpose = 'preview' | 'execute';
type BeginEffect = Parameters<typeof operation.execute>[0]['beginEffect'];

export interface AwsLease {
  actionId: string;
  credential: LeasedCredential<AwsLogin>;
  revoke(): Promise<void>;
}

/** One account behind Vault for a file's tests; leases are revoked after each. */
export interface AwsHarness {
  readonly installation: TestInstallation;
  readonly account: AwsAccount;
  readonly notary: TestProcess;
  lease(purpose: Purpose, params: AwsIamPolicyParams, ttlSeconds?: number): Promise<AwsLease>;
  preview(params: AwsIamPolicyParams): Promise<{ preview: Preview; flags: Flag[] }>;
  execute(params: AwsIamPolicyParams, approved: Preview, beginEffect?: BeginEffect): Promise<JsonObject>;
  findOutcome(params: AwsIamPolicyParams, approved: Preview): Promise<FoundOutcome>;
  witness(clock?: () => number): TargetWitness<AwsTarget>;
}

const host: OperationHost = {
  scratchDir: '/nonexistent',
  program(name) {
    throw new Error(`this operation runs no program, and yet it asks for ${name}`);
  },
};

/** Registers the hooks that start and stop it. */
export function useAwsHarness(type: AwsTarget['credentials']['type']): AwsHarness {
  let started:
    | {
        installation: TestInstallation;
        account: AwsAccount;
        processes: Record<Purpose | 'gateway' | 'notary', TestProcess>;
      }
    | undefined;
  const leases: AwsLease[] = [];
  const witnesses: TargetWitness<AwsTarget>[] = [];
  beforeAll(async () => {
    const installation = await installForTest();
    const account = await startAwsAccount(installation, type);
    const processes = {
      gateway: await installation.become('gateway'),
      preview: await installation.become('worker'),
      execute: await installation.become('executor'),
      notary: await installation.become('notary'),
    };
    started = { installation, account, processes };
  });
  afterAll(async () => {
    await started?.account.stop();
    await started?.installation.close();
  });
  beforeEach(() => harness.account.reset());
  afterEach(async () => {
    await Promise.all(leases.splice(0).map((lease) => lease.revoke()));
    await Promise.all(witnesses.splice(0).map((witness) => witness.close()));
  });
  const here = (): NonNullable<typeof started> => {
    if (started === undefined) throw new Error('the account is not started yet');
    return started;
  };
  const asked = (params: AwsIamPolicyParams) => ({
    agent: 'export-bot',
    params,
    target: here().account.target,
    host,
    keepsakes: noKeepsakes,
  });
  const signal = (): AbortSignal => AbortSignal.timeout(60_000);
  const harness: AwsHarness = {
    get installation() {
      return here().installation;
    },
    get account() {
      return here().account;
    },
    get notary() {
      return here().processes.notary;
    },
    async lease(purpose, params, ttlSeconds = 120) {
      const { gateway, [purpose]: process } = here().processes;
      const { actionId, requestDigest } = await recordRequest(gateway.record, here().installation.agent);
      const { vault: client, record, claims } = process;
      const by = recorded(createLeases({ client, record, claims, witness: null, clock: Date.now }));
      const credential = await by.open({
        ...operation.credentialFor(purpose, { ...asked(params), actionId }),
        ...{ actionId, requestDigest, actionDigest: requestDigest, purpose, step: purpose, ttlSeconds },
        runId: `run-of-${actionId}`,
        target: here().account.target.name,
      });
      const lease = { actionId, credential, revoke: () => by.revoke(credential) };
      leases.push(lease);
      return lease;
    },
    async preview(params) {
      const { actionId, credential } = await harness.lease('preview', params);
      const context = { ...asked(params), actionId, credential, past: { sameKind: 1 }, nowMs: Date.now() };
      return operation.preview({ ...context, signal: signal() });
    },
    async execute(params, approved, beginEffect = async () => undefined) {
      const { actionId, credential } = await harness.lease('execute', params);
      return operation.execute({
        ...asked(params),
        ...{ actionId, credential, approved, beginEffect },
        artefactsDir: '/nonexistent',
        retainUntilMs: 0,
        progress: () => undefined,
        signal: signal(),
      });
    },
    async findOutcome(params, approved) {
      const { actionId, credential } = await harness.lease('execute', params);
      return operation.findOutcome({
        ...asked(params),
        ...{ actionId, approved, artefactsDir: '/nonexistent' },
        lease: async () => credential,
      });
    },
    witness(clock = Date.now) {
      const witness = createAwsWitness({ vault: harness.notary.vault, clock, host });
      witnesses.push(witness);
      return witness;
    },
  };
  return harness;
}
