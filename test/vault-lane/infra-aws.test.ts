import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allow } from '../../apps/devstack/installation/vault-policies/rules.js';
import { awsPolicies } from '../../apps/devstack/installation/vault-policies/aws.js';
import { ServiceFault } from '../../src/core/errors.js';
import { openHost } from '../../src/operations/host.js';
import { operation } from '../../src/operations/infra-apply.js';
import { infraTokenUses, type InfraLogin } from '../../src/operations/infra-apply/login.js';
import { paramsSchema, type InfraApplyParams } from '../../src/operations/infra-apply/params.js';
import type { OperationHost } from '../../src/operations/operation.js';
import { awsAccountOf, createInfraWitness } from '../../src/targets/infra/witness.js';
import { witnessOf } from '../../src/targets/targets.js';
import type { LeasedCredential } from '../../src/vault/leases.js';
import { createSweeper } from '../../src/vault/sweep.js';
import { createLeases } from '../../src/vault/vault-leases.js';
import { grantLeasing } from '../contracts/vault-rights.js';
import { ACCOUNT, startAwsAccount, type AwsAccount } from '../support/aws-account.js';
import { makeRepository, startInfra, type InfraFixture, type Repository } from '../support/infra.js';
import { becomeAll, installForTest, type TestInstallation, type TestProcess } from '../support/installation.js';
import { patient, recorded } from '../support/leasing.js';
import { makeRecordingTofu, type RecordingTofu } from '../support/recording-tofu.js';
import { recordRequest } from '../support/statements.js';
import { until } from '../support/until.js';

type Purpose = 'preview' | 'execute';

const CONFIGURATION = { 'main.tf': 'resource "terraform_data" "made" {}\n' };

describe('the sessions of AWS that providers work in', () => {
  const closing: (() => Promise<unknown>)[] = [];
  let installation: TestInstallation;
  let processes: Record<'gateway' | 'worker' | 'executor' | 'notary', TestProcess>;
  let account: AwsAccount;
  let infra: InfraFixture;
  let repository: Repository;
  let tofu: RecordingTofu;
  let host: OperationHost;
  let params: InfraApplyParams;
  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'countersign-infra-aws-'));
    closing.push(() => rm(folder, { recursive: true, force: true }));
    installation = await installForTest();
    closing.push(() => installation.close());
    account = await startAwsAccount(installation, 'assumed_role');
    closing.push(() => account.stop());
    repository = await makeRepository();
    closing.push(() => repository.remove());
    infra = await startInfraInAws();
    closing.push(() => infra.uninstall());
    closing.push(await grantRights());
    processes = await becomeAll(installation);
    tofu = await makeRecordingTofu((program) => stateInS3(folder, program));
    closing.push(() => tofu.remove());
    await writeFile(join(folder, 'main.tf'), s3Backend(account.address));
    await asAccountAdmin('PUT', '/states');
    host = await openHost({
      COUNTERSIGN_SCRATCH_DIR: join(folder, 'scratch'),
      COUNTERSIGN_PROGRAMS: Object.entries(tofu.programs),
    });
    const commit = await repository.commit(CONFIGURATION);
    const source = { kind: 'git', repository: repository.path, commit };
    params = paramsSchema.parse({ target: 'network', source });
  });
  afterAll(async () => {
    for (const close of closing.reverse()) await close();
  });

  async function startInfraInAws(): Promise<InfraFixture> {
    const { credentials, vault } = account.target;
    if (credentials.type !== 'assumed_role') throw new Error('the account has no roles to assume');
    const { previewRoleArn, executeRoleArn } = credentials;
    const aws = { mount: vault.mount, rolePrefix: 'network', previewRoleArn, executeRoleArn, region: 'eu-central-1' };
    return startInfra(installation, {
      name: 'network',
      environment: 'production',
      sources: { git: [repository.path], tarballs: [] },
      providerCredentials: { aws },
    });
  }

  async function grantRights(): Promise<() => Promise<void>> {
    const aws = awsAccountOf(infra.target);
    if (aws === undefined) throw new Error('the target has no account');
    const { previewLease, executeLease, worker, executor, notary } = awsPolicies(aws);
    const { preview, execute, witness } = infra.paths;
    const uses = infraTokenUses(infra.target);
    const roleOf = (name: string, path: string, lease: string, lessor: string) => ({
      name,
      policy: [allow(path, ['read']), lease].join('\n'),
      leases: [path],
      uses,
      lessor,
    });
    return grantLeasing(installation, {
      preview: roleOf(infra.target.vault.previewTokenRole, preview, previewLease, worker),
      execute: roleOf(infra.target.vault.executeTokenRole, execute, executeLease, executor),
      witness: [allow(witness, ['read']), notary].join('\n'),
    });
  }

  function asAccountAdmin(method: string, path: string): Promise<Response> {
    const authorization =
      'AWS4-HMAC-SHA256 Credential=AKIAADMINISTRATOR0/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0';
    return fetch(`${account.address}${path}`, { method, headers: { authorization } });
  }

  async function lease(purpose: Purpose, ttlSeconds: number) {
    const { gateway, worker, executor } = processes;
    const { vault: client, record, claims } = purpose === 'preview' ? worker : executor;
    const { actionId, requestDigest } = await recordRequest(gateway.record, installation.agent);
    const asked = { actionId, agent: 'export-bot', params, target: infra.target };
    const by = recorded(createLeases({ client, record, claims, witness: null, clock: Date.now }));
    const credential: LeasedCredential<InfraLogin> = await by.open({
      ...operation.credentialFor(purpose, asked),
      ...{ actionId, requestDigest, actionDigest: requestDigest, purpose, step: purpose, ttlSeconds },
      runId: `run-of-${actionId}`,
      target: infra.target.name,
    });
    const context = { ...asked, credential, host, keepsakes: processes.worker.contents };
    return { actionId, credential, context, revoke: () => by.revoke(credential) };
  }

  /** Who a session is, as STS tells whoever holds its keys. */
  async function callerOf(environment: Record<string, string>): Promise<string> {
    const authorization = `AWS4-HMAC-SHA256 Credential=${environment['AWS_ACCESS_KEY_ID'] ?? ''}/20260101/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=0`;
    const body = new URLSearchParams({ Action: 'GetCallerIdentity', Version: '2011-06-15' });
    const headers = { authorization, 'x-amz-security-token': environment['AWS_SESSION_TOKEN'] ?? '' };
    const answer = await fetch(account.address, { method: 'POST', headers, body });
    return /<Arn>([^<]+)<\/Arn>/.exec(await answer.text())?.[1] ?? 'nobody';
  }

  it('are what OpenTofu itself writes to S3 with: one that reads for the plan, one that writes for the apply', async () => {
    const nowMs = Date.now();
    const previewing = await lease('preview', 120);
    const signal = AbortSignal.timeout(100_000);
    const { preview } = await operation.preview({ ...previewing.context, past: { sameKind: 1 }, nowMs, signal });
    await previewing.revoke();
    const [, planned] = await tofu.take();
    const executing = await lease('execute', 120);
    await operation.execute({
      ...executing.context,
      approved: preview,
      artefactsDir: '/nonexistent',
      retainUntilMs: 0,
      progress: () => undefined,
      signal,
      beginEffect: async () => undefined,
    });
    await executing.revoke();
    const taken = await tofu.take();
    const applied = taken.at(-1);
    expect([planned?.command, applied?.command]).toEqual(['plan', 'apply']);
    for (const [purpose, { actionId }, environment] of [
      ['preview', previewing, planned?.environment ?? {}],
      ['execute', executing, applied?.environment ?? {}],
    ] as const) {
      const session = `countersign-${actionId.toLowerCase()}-${purpose}`;
      expect(await callerOf(environment)).toBe(
        `arn:aws:sts::${ACCOUNT}:assumed-role/countersign-${purpose}/${session}`,
      );
      expect(environment).toMatchObject({ AWS_REGION: 'eu-central-1', AWS_EC2_METADATA_DISABLED: 'true' });
      // The real OpenTofu, in that very environment, has kept a state of its own in S3.
      const kept = await asAccountAdmin('GET', `/states/${String(environment['AWS_ACCESS_KEY_ID'])}`);
      expect(await kept.text()).toContain('"terraform_version"');
    }
    expect(
      taken.filter(({ environment }) => 'AWS_SECRET_ACCESS_KEY' in environment).map(({ command }) => command),
    ).toEqual(['plan', 'apply']);
    const shown = JSON.stringify(preview);
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'])
      expect(shown).not.toContain(applied?.environment[name] ?? 'nothing');
  });

  it('carry a policy that ends with the lease, are on record by name, and are ended by the sweeper once nobody lives', async () => {
    const { notary } = processes;
    const { actionId, credential } = await lease('execute', 120);
    const session = `countersign-${actionId.toLowerCase()}-execute`;
    const data = (await (await fetch(`${account.address}/moto-api/data.json`)).json()) as {
      sts: { AssumedRole: { session_name: string; policy: string }[] };
    };
    const policy = data.sts.AssumedRole.find(({ session_name: name }) => name === session)?.policy ?? '';
    const limit = /"aws:CurrentTime":"([^"]+)"/.exec(policy)?.[1] ?? '';
    expect(Date.parse(limit)).toBeLessThanOrEqual(credential.expiresAtMs);
    const [open] = await notary.claims.openLeases(actionId);
    expect(open?.credentials.map(({ username }) => username).sort()).toEqual([credential.username, session].sort());
    const said = (await notary.record.ofAction(actionId)).filter(({ kind }) => kind === 'credential');
    expect(said.map(({ body }) => (body as { username: string }).username)).toEqual([credential.username, session]);
    // Nobody revokes: its process was killed.
    // The witness lives to see the limit pass; how long the steps before take does not matter.
    let aheadMs = 0;
    const witness = createInfraWitness({ vault: notary.vault, clock: () => Date.now() + aheadMs, host });
    const { vault: client, record, claims } = notary;
    const asked = witnessOf(
      { proveGone: (ended) => witness.proveGone({ ...ended, target: infra.target }), close: () => witness.close() },
      () => infra.target,
    );
    const leases = patient(createLeases({ client, record, claims, witness: asked, clock: Date.now }));
    const early = await leases.end({ accessor: credential.accessor, actionId }).catch((error: unknown) => error);
    expect(early).toBeInstanceOf(ServiceFault);
    expect((early as ServiceFault).message).toContain('its policy allows nothing from');
    aheadMs = 120_000;
    const isLive = async (): Promise<boolean> => false;
    const mine = { ...claims, openLeases: () => claims.openLeases(actionId) };
    const sweep = createSweeper({ client, claims: mine, leases, isLive, tokenRoles: new Set(), clock: Date.now });
    await until(async () => {
      await sweep();
      return (await claims.openLeases(actionId)).length === 0;
    });
    const revocation = (await record.ofAction(actionId)).find(({ kind }) => kind === 'revocation');
    const proofs = JSON.stringify(revocation?.body);
    for (const name of [...credential.leaseIds, 'network: pg_roles', 'network.aws: time limit', session])
      expect(proofs).toContain(name);
    await witness.close();
  });

  it('are looked for everywhere when a crash left them unnamed', async () => {
    const { actionId } = await recordRequest(processes.gateway.record, installation.agent);
    const witness = createInfraWitness({ vault: processes.notary.vault, clock: Date.now, host });
    const unnamed = {
      target: infra.target,
      actionId,
      purpose: 'execute' as const,
      username: null,
      vaultRole: null,
      ttlSeconds: 60,
    };
    await expect(witness.proveGone({ ...unnamed, leasedAtMs: Date.now() })).rejects.toBeInstanceOf(ServiceFault);
    const proofs = await witness.proveGone({ ...unnamed, leasedAtMs: Date.now() - 61_000 });
    expect(proofs.map(({ asked }) => asked.replace(/[:/].*/s, ''))).toEqual([
      'network',
      'network',
      expect.stringMatching(/^vault read/),
      'network.aws',
    ]);
    await witness.close();
  });
});

/** Commands of a shell without a PATH: OpenTofu keeps a state in S3, under a name that tells by whose keys. */
function stateInS3(folder: string, program: string): string {
  const data = `TF_DATA_DIR='${folder}'/data.$$`;
  return `
case "$1" in plan|apply)
  ( cd '${folder}' &&
    ${data} '${program}' init -input=false -no-color -reconfigure "-backend-config=key=$AWS_ACCESS_KEY_ID" &&
    ${data} '${program}' apply -input=false -no-color -auto-approve
  ) > '${folder}/s3.log' 2>&1 || exit 97
esac`;
}

function s3Backend(address: string): string {
  return `
terraform {
  backend "s3" {
    bucket                      = "states"
    region                      = "us-east-1"
    use_path_style              = true
    skip_region_validation      = true
    skip_s3_checksum            = true
    endpoints = {
      s3  = "${address}"
      sts = "${address}"
      iam = "${address}"
    }
  }
}
resource "terraform_data" "x" {}
`;
}
