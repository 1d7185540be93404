import { OutcomeUnknown } from '../../core/errors.js';
import type { Json, JsonObject } from '../../core/json.js';
import type { Flag, Preview } from '../../core/schemas/action.js';
import { openIam, isAnswered, type IamSession } from '../../targets/aws/iam.js';
import type { AwsTarget } from '../../targets/aws.js';
import type { AwsLogin } from '../../vault/credentials/aws.js';
import { flag } from '../common-flags.js';
import type { ExecuteContext, FoundOutcome, OutcomeContext } from '../operation.js';
import { inspectIam, numberOf, readDocument, type IamState } from './inspect.js';
import type { AwsIamPolicyParams, ChangeAttachment, SetPolicy } from './params.js';
import { observedOf, previewOf, prunedBy, sentDocument } from './preview.js';

type Executing = ExecuteContext<AwsIamPolicyParams, AwsTarget, AwsLogin>;
type Finding = OutcomeContext<AwsIamPolicyParams, AwsTarget, AwsLogin>;

// IAM answers reads from copies that follow within seconds.
const READ_BACK_MS = 10_000;
const READ_AGAIN_MS = 500;
const ASKING_MS = 60_000;

/** Makes the change, at most once, and reads it back. Nothing is changed before `beginEffect` returns. */
export async function executeChange(context: Executing): Promise<JsonObject> {
  const { target, credential, signal } = context;
  const iam = await openIam(target, credential.material, signal);
  try {
    const before = await inspectIam(iam.ask, context);
    await context.beginEffect(previewOf({ ...context, state: before, past: 1, nowMs: Date.now() }));
    const made = await change(iam, context, before);
    const after = await readBack(iam, context).catch((cause: unknown) => {
      const message = `The change was made, but what AWS shows since then could not be read. Look at ${context.params.policyArn}.`;
      throw new OutcomeUnknown(message, { cause });
    });
    return resultOf(context, before, made, after);
  } finally {
    iam.close();
  }
}

/** The effect against what was declared; an IAM that changed in between is told too. */
export function effectFlags({ estimate }: Preview, result: JsonObject): Flag[] {
  const flags: Flag[] = [];
  if (result['observed'] !== estimate['proposed'])
    flags.push(flag('effect_mismatch', 'critical', 'What AWS shows after the change is not what was approved.'));
  if (result['changedMeanwhile'] === true)
    flags.push(
      flag('changed_meanwhile', 'high', 'Somebody else changed the policy between the last look and the change.'),
    );
  return flags;
}

/** After a crash: what AWS shows now. A change that is there is done; anything else is for a person. */
export async function findChangeOutcome(context: Finding): Promise<FoundOutcome> {
  const { approved, target, params } = context;
  const { material } = await context.lease();
  const iam = await openIam(target, material, AbortSignal.timeout(ASKING_MS));
  try {
    const now = await readBack(iam, { ...context, signal: AbortSignal.timeout(ASKING_MS) });
    const observed = observedOf(params, now);
    if (observed === approved.estimate['proposed']) {
      return { kind: 'done', result: await foundResult(iam, context, now) };
    }
    const what =
      observed === approved.estimate['current']
        ? 'AWS shows what was there before'
        : 'AWS shows something else than before and than was approved';
    const message = `The change began and was interrupted. ${what}. Look at ${params.policyArn} and ask again if the change is still wanted.`;
    return { kind: 'unknown', message };
  } finally {
    iam.close();
  }
}

interface Made {
  versionId: string | null;
  prunedVersionId: string | null;
}

async function change(iam: IamSession, context: Executing, before: IamState): Promise<Made> {
  const { params } = context;
  try {
    if (params.change === 'set_policy') return await setPolicy(iam, params, before);
    await changeAttachment(iam, params);
    return { versionId: null, prunedVersionId: null };
  } catch (error) {
    if (isAnswered(error)) throw error;
    // No answer: it may have happened. Only a look tells; what cannot be told is said.
    const now = await inspectIam(iam.ask, context).catch(() => null);
    if (now !== null && observedOf(params, now) === context.approved.estimate['proposed'])
      return { versionId: params.change === 'set_policy' ? now.policy.defaultVersionId : null, prunedVersionId: null };
    const message = `AWS account ${context.target.name} gave no answer to the change; whether it was made is not known. Look at ${params.policyArn}.`;
    throw new OutcomeUnknown(message, { cause: error });
  }
}

async function setPolicy(iam: IamSession, { policyArn, document }: SetPolicy, before: IamState): Promise<Made> {
  const prunedVersionId = prunedBy(before);
  const named = { PolicyArn: policyArn };
  if (prunedVersionId !== null) {
    await iam.ask((client, options) => client.deletePolicyVersion({ ...named, VersionId: prunedVersionId }, options));
  }
  const { PolicyVersion: version } = await iam.ask((client, options) =>
    client.createPolicyVersion({ ...named, PolicyDocument: sentDocument(document), SetAsDefault: true }, options),
  );
  return { versionId: version?.VersionId ?? null, prunedVersionId };
}

async function changeAttachment(iam: IamSession, params: ChangeAttachment): Promise<void> {
  const { change: verb, policyArn: PolicyArn, principal } = params;
  const { name } = principal;
  await iam.ask<unknown>((client, options) => {
    switch (principal.kind) {
      case 'role':
        return verb === 'attach'
          ? client.attachRolePolicy({ RoleName: name, PolicyArn }, options)
          : client.detachRolePolicy({ RoleName: name, PolicyArn }, options);
      case 'user':
        return verb === 'attach'
          ? client.attachUserPolicy({ UserName: name, PolicyArn }, options)
          : client.detachUserPolicy({ UserName: name, PolicyArn }, options);
      case 'group':
        return verb === 'attach'
          ? client.attachGroupPolicy({ GroupName: name, PolicyArn }, options)
          : client.detachGroupPolicy({ GroupName: name, PolicyArn }, options);
    }
  });
}

/** Reads until what was approved shows, or the time for that is over: then what shows is the answer. */
async function readBack(
  iam: IamSession,
  context: Pick<Executing, 'params' | 'target' | 'agent' | 'approved' | 'signal'>,
): Promise<IamState> {
  const untilMs = Date.now() + READ_BACK_MS;
  for (;;) {
    const state = await inspectIam(iam.ask, context);
    if (observedOf(context.params, state) === context.approved.estimate['proposed'] || Date.now() > untilMs)
      return state;
    context.signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, READ_AGAIN_MS));
  }
}

function resultOf(
  { params }: Executing,
  before: IamState,
  { versionId, prunedVersionId }: Made,
  after: IamState,
): JsonObject {
  const observed = observedOf(params, after);
  if (params.change !== 'set_policy') return attachmentResult(params, observed);
  const { defaultVersionId: previousVersionId, stored, versionIds } = before.policy;
  const expected = numberOf(versionIds[0] ?? 'v0') + 1;
  return {
    policyArn: params.policyArn,
    versionId,
    previousVersionId,
    prunedVersionId,
    observed,
    // Versions are numbered without gaps: a skipped number is somebody else's.
    changedMeanwhile: versionId !== null && numberOf(versionId) !== expected,
    undo: undoSet(params, previousVersionId, stored),
  };
}

function attachmentResult(
  { change: made, target, policyArn, principal }: ChangeAttachment,
  observed: string,
): JsonObject {
  const inverse = made === 'attach' ? 'detach' : 'attach';
  const params = { change: inverse, target, policyArn, principal };
  return { policyArn, principal, observed, undo: { operation: 'aws.iam.policy', params } };
}

function undoSet({ policyArn, target }: SetPolicy, versionId: string, document: Json): JsonObject {
  return {
    operation: 'aws.iam.policy',
    params: { change: 'set_policy', target, policyArn, document },
    // The same by hand, while the version is kept.
    previousVersionId: versionId,
  };
}

async function foundResult(iam: IamSession, { params, approved }: Finding, now: IamState): Promise<JsonObject> {
  const observed = observedOf(params, now);
  if (params.change !== 'set_policy') return attachmentResult(params, observed);
  const { currentVersionId } = approved.estimate;
  const previousVersionId = typeof currentVersionId === 'string' ? currentVersionId : '';
  const named = { PolicyArn: params.policyArn, VersionId: previousVersionId };
  const { PolicyVersion: version } = await iam.ask((client, options) => client.getPolicyVersion(named, options));
  return {
    policyArn: params.policyArn,
    versionId: now.policy.defaultVersionId,
    previousVersionId,
    prunedVersionId: approved.estimate['prunes'] ?? null,
    observed,
    changedMeanwhile: false,
    undo: undoSet(params, previousVersionId, readDocument(version?.Document)),
  };
}
