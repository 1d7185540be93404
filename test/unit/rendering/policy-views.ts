import type { JsonObject } from '../../../src/core/json.js';
import { parseDocument } from '../../../src/operations/aws-iam-policy/document.js';
import { paramsSchema as iamParams } from '../../../src/operations/aws-iam-policy/params.js';
import { previewOf } from '../../../src/operations/aws-iam-policy/preview.js';
import type { ActionView } from '../../../src/record/action-view.js';
import { awsTargetSchema } from '../../../src/targets/aws.js';
import { BASE, LEASING, TUESDAY_NIGHT_MS, viewOf } from './view-of.js';

const ACCOUNT = '123456789012';
const BUCKETS = ['orders', 'invoices', 'exports', 'telemetry', 'backups', 'uploads'];
const READS = [
  's3:GetObject',
  's3:GetObjectVersion',
  's3:ListBucket',
  's3:GetBucketLocation',
  's3:GetObjectTagging',
  's3:GetObjectAttributes',
  's3:GetBucketTagging',
  's3:ListBucketVersions',
];

/** A document of almost the 6,144 characters that AWS takes, and the same with some statements changed. */
export function largeDocuments(): { before: JsonObject; after: JsonObject } {
  const statements = (buckets: readonly string[], actions: readonly string[]): JsonObject[] =>
    buckets.flatMap((bucket) =>
      ['eu-central-1', 'us-east-1'].map((region) => ({
        Sid: `${bucket}${region.replaceAll('-', '')}`,
        Effect: 'Allow',
        Action: [...actions],
        Resource: [
          `arn:aws:s3:::${bucket}-${region}-${ACCOUNT}`,
          `arn:aws:s3:::${bucket}-${region}-${ACCOUNT}/reports/2026/*`,
        ],
        Condition: {
          StringEquals: { 'aws:RequestedRegion': [region], 'aws:PrincipalTag/team': [`${bucket}-analytics`] },
        },
      })),
    );
  const guard = {
    Sid: 'NoPlainHttp',
    Effect: 'Deny',
    Action: 's3:*',
    Resource: '*',
    Condition: { Bool: { 'aws:SecureTransport': 'false' } },
  };
  const document = (...all: JsonObject[]): JsonObject => ({ Version: '2012-10-17', Statement: all });
  return {
    before: document(...statements(BUCKETS, READS), guard),
    after: document(
      ...statements(BUCKETS.slice(0, 5), READS),
      ...statements(['uploads'], [...READS, 's3:PutObject', 's3:DeleteObject']),
      { Sid: 'Deploy', Effect: 'Allow', Action: 'iam:PassRole', Resource: `arn:aws:iam::${ACCOUNT}:role/*` },
    ),
  };
}

function iamView(before: JsonObject, after: JsonObject, reason: string): ActionView {
  const target = awsTargetSchema.parse({
    kind: 'aws',
    name: 'cloud',
    ...BASE,
    accountId: ACCOUNT,
    partition: 'aws',
    credentials: {
      type: 'assumed_role',
      previewRoleArn: `arn:aws:iam::${ACCOUNT}:role/countersign-preview`,
      executeRoleArn: `arn:aws:iam::${ACCOUNT}:role/countersign-execute`,
    },
    vault: { mount: 'aws', rolePrefix: 'cloud', ...LEASING },
    ownIdentities: { 'export-bot': [`arn:aws:iam::${ACCOUNT}:role/export-bot`] },
  });
  const policyArn = `arn:aws:iam::${ACCOUNT}:policy/app-storage`;
  const params = iamParams.parse({ change: 'set_policy', target: 'cloud', policyArn, document: after });
  const parsed = parseDocument(before);
  if (!parsed.ok) throw new Error(parsed.message);
  const role = (name: string) => ({ kind: 'role' as const, name });
  const { preview, flags } = previewOf({
    params,
    target,
    agent: 'export-bot',
    state: {
      policy: {
        versionIds: ['v7', 'v6', 'v5'],
        defaultVersionId: 'v7',
        document: parsed.document,
        stored: before,
        attachedTo: [role('app'), role('reporting')],
        boundaryOf: [],
      },
      principal: null,
      own: [role('export-bot')],
    },
    past: 2,
    nowMs: TUESDAY_NIGHT_MS,
  });
  return viewOf({ operation: 'aws.iam.policy', params, reason, target, preview, flags });
}

export function largePolicyView(): ActionView {
  const { before, after } = largeDocuments();
  return iamView(before, after, 'The upload service writes its own bucket from now on.');
}

export function policyViewForPeople(): ActionView {
  const read = { Sid: 'Read', Effect: 'Allow', Action: ['s3:GetObject'], Resource: ['arn:aws:s3:::orders/*'] };
  const guard = { Sid: 'NoDelete', Effect: 'Deny', Action: 's3:DeleteObject', Resource: 'arn:aws:s3:::orders/*' };
  const document = (...all: JsonObject[]): JsonObject => ({ Version: '2012-10-17', Statement: all });
  return iamView(
    document(read, guard),
    document(
      { ...read, Action: ['s3:GetObject', 's3:PutObject'] },
      { Sid: 'Deploy', Effect: 'Allow', Action: 'iam:PassRole', Resource: '*' },
    ),
    'The deployer must hand the app its role, and the app must write orders.',
  );
}
