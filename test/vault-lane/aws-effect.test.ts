import { describe, expect, it } from 'vitest';
import { Refusal } from '../../src/core/errors.js';
import type { JsonObject } from '../../src/core/json.js';
import { operation } from '../../src/operations/aws-iam-policy.js';
import { readDocument } from '../../src/operations/aws-iam-policy/inspect.js';
import type { AwsIamPolicyParams } from '../../src/operations/aws-iam-policy/params.js';
import { documentOf, OTHER_POLICY_ARN, POLICY_ARN, setDocument } from '../support/aws-account.js';
import { useAwsHarness } from './aws-harness.js';

const harness = useAwsHarness('assumed_role');
const NEW_DOCUMENT = documentOf(['s3:GetObject', 's3:ListBucket']);
const SET: AwsIamPolicyParams = {
  change: 'set_policy',
  target: 'cloud',
  policyArn: POLICY_ARN,
  document: NEW_DOCUMENT,
};

function attachment(change: 'attach' | 'detach', kind: 'role' | 'user' | 'group', name: string): AwsIamPolicyParams {
  return { change, target: 'cloud', policyArn: OTHER_POLICY_ARN, principal: { kind, name } };
}

async function versions(): Promise<{ ids: (string | undefined)[]; inForce: string | undefined; document: JsonObject }> {
  const { Versions = [] } = await harness.account.iam.listPolicyVersions({ PolicyArn: POLICY_ARN });
  const inForce = Versions.find(({ IsDefaultVersion }) => IsDefaultVersion)?.VersionId;
  const { PolicyVersion } = await harness.account.iam.getPolicyVersion({ PolicyArn: POLICY_ARN, VersionId: inForce });
  return { ids: Versions.map(({ VersionId }) => VersionId), inForce, document: readDocument(PolicyVersion?.Document) };
}

async function refusalOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'it was not refused',
    (error: unknown) => (error instanceof Refusal ? { code: error.code, field: error.field } : error),
  );
}

describe('a new document', () => {
  it('is shown as a diff by statement and as what changes in effect', async () => {
    const { preview } = await harness.preview(SET);
    expect(preview.content).toEqual({
      language: 'diff',
      text: [
        `@@ ${POLICY_ARN}: statements @@`,
        '  Allow (Read)',
        '    Action',
        '      s3:GetObject',
        '+     s3:ListBucket',
        '    Resource',
        '      arn:aws:s3:::orders/*',
        '  Deny (NeverDelete)',
        '    Action',
        '      s3:DeleteObject',
        '    Resource',
        '      *',
        '@@ what changes in effect @@',
        '+ newly allowed',
        '+     s3:ListBucket',
        '+   on',
        '+     arn:aws:s3:::orders/*',
      ].join('\n'),
    });
    expect(preview.summary).toBe(
      'Change IAM policy orders-reader in cloud (production): 1 action/resource pair newly allowed, 0 action/resource pairs no longer',
    );
    const facts = Object.fromEntries(preview.facts.map(({ label, value }) => [label, value]));
    expect(facts).toMatchObject({ 'Attached to': 'role orders-app', Statements: '0 added, 1 changed, 0 removed' });
  });

  it('becomes a version in force; the result names the one before and what undoes it', async () => {
    const before = await versions();
    const { preview } = await harness.preview(SET);
    const result = await harness.execute(SET, preview);
    const after = await versions();
    expect(after.document).toEqual(NEW_DOCUMENT);
    expect(after.ids).toHaveLength(2);
    expect(result).toMatchObject({
      versionId: after.inForce,
      previousVersionId: before.inForce,
      prunedVersionId: null,
      changedMeanwhile: false,
      undo: {
        operation: 'aws.iam.policy',
        params: { ...SET, document: before.document },
        previousVersionId: before.inForce,
      },
    });
    expect(operation.checkEffect(preview, result)).toEqual([]);
    const undo = operation.paramsSchema.parse((result['undo'] as JsonObject)['params']);
    await harness.execute(undo, (await harness.preview(undo)).preview);
    expect((await versions()).document).toEqual(before.document);
  });

  it('makes room by the oldest version that is not in force, and says so before', async () => {
    const { iam } = harness.account;
    const PolicyDocument = JSON.stringify(documentOf(['s3:GetObjectAcl']));
    for (let made = 0; made < 4; made += 1) await iam.createPolicyVersion({ PolicyArn: POLICY_ARN, PolicyDocument });
    const before = await versions();
    const { preview } = await harness.preview(SET);
    const oldest = before.ids.filter((id) => id !== before.inForce)[0] ?? '';
    expect(preview.facts).toContainEqual({
      label: 'Versions',
      value: `5 of 5: deletes ${oldest}, the oldest, to make room`,
    });
    const result = await harness.execute(SET, preview);
    expect(result).toMatchObject({ prunedVersionId: oldest, previousVersionId: before.inForce });
    const after = await versions();
    expect(after.ids).toHaveLength(5);
    expect(after.ids).toContain(before.inForce);
    expect(after.ids).not.toContain(oldest);
  });

  it('is refused where it changes nothing', async () => {
    const same: AwsIamPolicyParams = { ...SET, document: (await versions()).document };
    expect(await refusalOf(harness.preview(same))).toEqual({ code: 'params_invalid', field: 'params.change' });
  });

  it('changes nothing before the effect may begin', async () => {
    const before = await harness.account.snapshot();
    const { preview } = await harness.preview(SET);
    const stop = new Error('the target changed');
    await expect(harness.execute(SET, preview, () => Promise.reject(stop))).rejects.toBe(stop);
    expect(await harness.account.snapshot()).toEqual(before);
    expect((await versions()).ids).toHaveLength(1);
  });

  it('tells of a version that somebody made in between', async () => {
    const { preview } = await harness.preview(SET);
    const result = await harness.execute(SET, preview, async () => {
      await setDocument(harness.account.iam, documentOf(['s3:GetObjectAcl']));
    });
    expect(operation.checkEffect(preview, result).map(({ code }) => code)).toEqual(['changed_meanwhile']);
  });
});

describe('what was approved', () => {
  it('grows when the policy reaches somebody else, or a version must go', async () => {
    const approved = (await harness.preview(SET)).preview;
    const { iam } = harness.account;
    await iam.attachUserPolicy({ UserName: 'nora', PolicyArn: POLICY_ARN });
    const now = (await harness.preview(SET)).preview;
    expect(now.fingerprint).toBe(approved.fingerprint);
    expect(operation.grew(approved, now)).toContain('user nora');
    expect(operation.grew(now, approved)).toBeNull();
    const PolicyDocument = JSON.stringify(documentOf(['s3:GetObjectAcl']));
    for (let made = 0; made < 4; made += 1) await iam.createPolicyVersion({ PolicyArn: POLICY_ARN, PolicyDocument });
    const full = (await harness.preview(SET)).preview;
    expect(full.fingerprint).toBe(now.fingerprint);
    expect(operation.grew(now, full)).toMatch(/^Version v\d+ of the policy would now be deleted/);
  });

  it('is another when a role was made anew under its name', async () => {
    const { iam } = harness.account;
    const params = attachment('attach', 'role', 'orders-app');
    const approved = (await harness.preview(params)).preview;
    const { Role } = await iam.getRole({ RoleName: 'orders-app' });
    await iam.detachRolePolicy({ RoleName: 'orders-app', PolicyArn: POLICY_ARN });
    await iam.deleteRole({ RoleName: 'orders-app' });
    const AssumeRolePolicyDocument = decodeURIComponent(Role?.AssumeRolePolicyDocument ?? '');
    await iam.createRole({ RoleName: 'orders-app', AssumeRolePolicyDocument });
    expect((await harness.preview(params)).preview.fingerprint).not.toBe(approved.fingerprint);
  });
});

describe('an attachment', () => {
  it.each([
    ['role', 'orders-app'],
    ['user', 'nora'],
    ['group', 'owners'],
  ] as const)('to a %s is made, shown and taken back', async (kind, name) => {
    const before = await harness.account.snapshot();
    const params = attachment('attach', kind, name);
    const { preview } = await harness.preview(params);
    expect(preview.content.text).toContain('+     s3:ListBucket');
    const result = await harness.execute(params, preview);
    expect(JSON.stringify(await harness.account.snapshot())).toContain(`"${kind} ${name}"`);
    expect(operation.checkEffect(preview, result)).toEqual([]);
    expect(result).toMatchObject({ observed: 'attached', undo: { params: attachment('detach', kind, name) } });
    const undo = operation.paramsSchema.parse((result['undo'] as JsonObject)['params']);
    await harness.execute(undo, (await harness.preview(undo)).preview);
    expect(await harness.account.snapshot()).toEqual(before);
  });

  it.each([
    ['to nobody there is', attachment('attach', 'role', 'nobody'), 'params.principal.name'],
    ['of no policy there is', { ...SET, policyArn: `${POLICY_ARN}-2` }, 'params.policyArn'],
    ['that is not there to be detached', attachment('detach', 'user', 'nora'), 'params.change'],
  ] as const)('%s is refused', async (_, params, field) => {
    expect(await refusalOf(harness.preview(params))).toEqual({ code: 'params_invalid', field });
  });
});

describe('after a crash', () => {
  it('finds a change that is there done, with its undo', async () => {
    const { preview } = await harness.preview(SET);
    const result = await harness.execute(SET, preview);
    expect(await harness.findOutcome(SET, preview)).toEqual({ kind: 'done', result });
  });

  it.each([
    ['nothing changed', undefined, 'what was there before'],
    ['somebody changed it otherwise', documentOf(['s3:GetObjectAcl']), 'something else'],
  ])('hands it to a person where %s', async (_, document, said) => {
    const { preview } = await harness.preview(SET);
    if (document !== undefined) await setDocument(harness.account.iam, document);
    expect(await harness.findOutcome(SET, preview)).toMatchObject({
      kind: 'unknown',
      message: expect.stringContaining(said) as string,
    });
  });
});
