import type { IAM } from '@aws-sdk/client-iam';
import { Refusal, ServiceFault } from '../../core/errors.js';
import { digestOf, type JsonObject } from '../../core/json.js';
import { jsonObjectSchema } from '../../core/schemas/primitives.js';
import { isPrincipal, parseIamArn, type PrincipalName } from '../../targets/aws/arn.js';
import { isIamError, type IamSession } from '../../targets/aws/iam.js';
import type { AwsTarget } from '../../targets/aws.js';
import { parseDocument, type PolicyDocument } from './document.js';
import type { AwsIamPolicyParams, ChangeAttachment } from './params.js';
import { parseTrust, type Trust } from './trust.js';

/** A managed policy as it is. */
export interface PolicyState {
  /** Newest first; at most five. */
  versionIds: string[];
  defaultVersionId: string;
  document: PolicyDocument;
  /** The same as IAM has it: what an undo sets again. */
  stored: JsonObject;
  attachedTo: PrincipalName[];
  /** Whose permissions it bounds. */
  boundaryOf: PrincipalName[];
}

/** A user, group or role as it is. */
export interface PrincipalState {
  /** IAM's own id: one made anew under an old name has another. */
  id: string;
  /** ARNs of the managed policies on it, sorted. */
  attached: string[];
  boundaryArn: string | null;
  /** Of a role. */
  trust: { document: JsonObject; means: Trust } | null;
}

/** All of IAM that one action is judged by. */
export interface IamState {
  policy: PolicyState;
  /** Of a change of attachment. */
  principal: PrincipalState | null;
  /** What the agent or its owner acts as, their groups included; null when the target does not say. */
  own: PrincipalName[] | null;
}

type Ask = IamSession['ask'];

// Far beyond IAM's default quotas; more cannot be shown to people in one preview.
const ENTITIES = 2_000;

/** Reads the state of what an action is about. */
export async function inspectIam(
  ask: Ask,
  { params, target, agent }: { params: AwsIamPolicyParams; target: AwsTarget; agent: string },
): Promise<IamState> {
  const [policy, principal, own] = await Promise.all([
    readPolicy(ask, params.policyArn),
    params.change === 'set_policy' ? null : readPrincipal(ask, params),
    readOwn(ask, target, agent),
  ]);
  return { policy, principal, own };
}

/** Digest of what decides the effect. */
export function fingerprintOf({ policy, principal }: IamState, params: AwsIamPolicyParams, target: AwsTarget): string {
  const { accountId, partition, name } = target;
  return digestOf({
    target: { name, accountId, partition },
    policyArn: params.policyArn,
    document: policy.stored,
    principal:
      principal === null || params.change === 'set_policy'
        ? null
        : {
            id: principal.id,
            isAttached: principal.attached.includes(params.policyArn),
            boundaryArn: principal.boundaryArn,
            trust: principal.trust?.document ?? null,
          },
  });
}

async function readPolicy(ask: Ask, policyArn: string): Promise<PolicyState> {
  const named = { PolicyArn: policyArn };
  const { Policy: policy } = await ask((iam, options) => iam.getPolicy(named, options)).catch(
    refuseUnknown(`AWS knows no policy ${policyArn}.`, 'params.policyArn'),
  );
  const defaultVersionId = needed(policy?.DefaultVersionId);
  const [{ PolicyVersion: version }, { Versions: versions = [] }, attachedTo, boundaryOf] = await Promise.all([
    ask((iam, options) => iam.getPolicyVersion({ ...named, VersionId: defaultVersionId }, options)),
    ask((iam, options) => iam.listPolicyVersions(named, options)),
    readEntities(ask, policyArn, 'PermissionsPolicy'),
    // It counts zero for most: then there is nothing to list.
    (policy?.PermissionsBoundaryUsageCount ?? 0) === 0 ? [] : readEntities(ask, policyArn, 'PermissionsBoundary'),
  ]);
  const stored = readDocument(version?.Document);
  const parsed = parseDocument(stored);
  if (!parsed.ok) {
    const message = `The present document of ${policyArn} cannot be compared. ${parsed.message}`;
    throw new ServiceFault('target', message, false);
  }
  const versionIds = versions
    .map(({ VersionId: id }) => needed(id))
    .sort((one, other) => numberOf(other) - numberOf(one));
  return { versionIds, defaultVersionId, document: parsed.document, stored, attachedTo, boundaryOf };
}

/** `v12` → 12. */
export function numberOf(versionId: string): number {
  return Number(versionId.replace(/^v/, ''));
}

/** The document as IAM answers it: percent-encoded JSON (RFC 3986). */
export function readDocument(encoded: string | undefined): JsonObject {
  try {
    return jsonObjectSchema.parse(JSON.parse(decodeURIComponent(needed(encoded))));
  } catch (error) {
    throw new ServiceFault('target', 'AWS answered a policy document that is no JSON object.', false, { cause: error });
  }
}

async function readEntities(
  ask: Ask,
  policyArn: string,
  usage: 'PermissionsPolicy' | 'PermissionsBoundary',
): Promise<PrincipalName[]> {
  const found: PrincipalName[] = [];
  let marker: string | undefined;
  do {
    const page = await ask((iam, options) =>
      iam.listEntitiesForPolicy({ PolicyArn: policyArn, PolicyUsageFilter: usage, Marker: marker }, options),
    );
    for (const { RoleName: name } of page.PolicyRoles ?? []) found.push({ kind: 'role', name: needed(name) });
    for (const { UserName: name } of page.PolicyUsers ?? []) found.push({ kind: 'user', name: needed(name) });
    for (const { GroupName: name } of page.PolicyGroups ?? []) found.push({ kind: 'group', name: needed(name) });
    marker = page.IsTruncated === true ? page.Marker : undefined;
    if (found.length > ENTITIES)
      throw new ServiceFault('target', `${policyArn} is on more than ${ENTITIES} users, groups and roles.`, false);
  } while (marker !== undefined);
  return found.sort((one, other) => (`${one.kind} ${one.name}` < `${other.kind} ${other.name}` ? -1 : 1));
}

async function readPrincipal(ask: Ask, { principal: { kind, name } }: ChangeAttachment): Promise<PrincipalState> {
  const [{ id, boundaryArn, trust }, attached] = await Promise.all([
    ask((iam, options) => readOne(iam, kind, name, options)).catch(
      refuseUnknown(`AWS knows no ${kind} ${name}.`, 'params.principal.name'),
    ),
    readAttached(ask, kind, name).catch(refuseUnknown(`AWS knows no ${kind} ${name}.`, 'params.principal.name')),
  ]);
  return { id: needed(id), attached: attached.sort(), boundaryArn, trust };
}

interface Principal {
  id: string | undefined;
  boundaryArn: string | null;
  trust: PrincipalState['trust'];
}

async function readOne(
  iam: IAM,
  kind: PrincipalName['kind'],
  name: string,
  options: { abortSignal: AbortSignal },
): Promise<Principal> {
  switch (kind) {
    case 'role': {
      const { Role: role } = await iam.getRole({ RoleName: name }, options);
      const document = readDocument(role?.AssumeRolePolicyDocument);
      const boundaryArn = role?.PermissionsBoundary?.PermissionsBoundaryArn ?? null;
      return { id: role?.RoleId, boundaryArn, trust: { document, means: parseTrust(document) } };
    }
    case 'user': {
      const { User: user } = await iam.getUser({ UserName: name }, options);
      return { id: user?.UserId, boundaryArn: user?.PermissionsBoundary?.PermissionsBoundaryArn ?? null, trust: null };
    }
    case 'group': {
      const { Group: group } = await iam.getGroup({ GroupName: name, MaxItems: 1 }, options);
      return { id: group?.GroupId, boundaryArn: null, trust: null };
    }
  }
}

async function readAttached(ask: Ask, kind: PrincipalName['kind'], name: string): Promise<string[]> {
  const found: string[] = [];
  let Marker: string | undefined;
  do {
    const page = await ask((iam, options) => {
      switch (kind) {
        case 'role':
          return iam.listAttachedRolePolicies({ RoleName: name, Marker }, options);
        case 'user':
          return iam.listAttachedUserPolicies({ UserName: name, Marker }, options);
        case 'group':
          return iam.listAttachedGroupPolicies({ GroupName: name, Marker }, options);
      }
    });
    for (const { PolicyArn: arn } of page.AttachedPolicies ?? []) found.push(needed(arn));
    Marker = page.IsTruncated === true ? page.Marker : undefined;
  } while (Marker !== undefined);
  return found;
}

async function readOwn(ask: Ask, target: AwsTarget, agent: string): Promise<PrincipalName[] | null> {
  const arns = Object.hasOwn(target.ownIdentities, agent) ? target.ownIdentities[agent] : undefined;
  if (arns === undefined) return null;
  const own = arns.map((arn) => parseIamArn(arn, target)).filter(isPrincipal);
  const groups = await Promise.all(own.filter(({ kind }) => kind === 'user').map(({ name }) => readGroups(ask, name)));
  return [...own, ...groups.flat()];
}

async function readGroups(ask: Ask, user: string): Promise<PrincipalName[]> {
  try {
    const { Groups: groups = [] } = await ask((iam, options) =>
      iam.listGroupsForUser({ UserName: user, MaxItems: 1_000 }, options),
    );
    return groups.map(({ GroupName: name }) => ({ kind: 'group', name: needed(name) }));
  } catch (error) {
    if (isIamError(error, 'NoSuchEntityException')) return []; // a user who left has no groups
    throw error;
  }
}

function refuseUnknown(message: string, field: string): (error: unknown) => never {
  return (error) => {
    throw isIamError(error, 'NoSuchEntityException') ? new Refusal('params_invalid', message, field) : error;
  };
}

function needed(text: string | undefined): string {
  if (text === undefined) throw new ServiceFault('target', 'AWS left out a field of its answer.', false);
  return text;
}
