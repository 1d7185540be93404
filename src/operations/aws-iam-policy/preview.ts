import { Refusal } from '../../core/errors.js';
import { canonicalJson } from '../../core/json.js';
import type { Flag, Preview } from '../../core/schemas/action.js';
import type { PrincipalName } from '../../targets/aws/arn.js';
import type { AwsTarget } from '../../targets/aws.js';
import { listNames } from '../common-flags.js';
import { countPairs, describeChange, describePairs } from './describe-change.js';
import { documentDigest, parseDocument, type PolicyDocument } from './document.js';
import { effectiveChange, type EffectiveChange, type Pairs } from './effective-change.js';
import { findFlags } from './flags.js';
import { fingerprintOf, numberOf, type IamState } from './inspect.js';
import type { AwsIamPolicyParams } from './params.js';
import { diffStatements, type StatementDiff } from './statement-diff.js';

export interface PreviewInput {
  params: AwsIamPolicyParams;
  target: AwsTarget;
  agent: string;
  state: IamState;
  past: number;
  nowMs: number;
}

/** AWS keeps at most so many versions of a policy. */
const VERSIONS = 5;

/** What would happen, from what was read. */
export function previewOf(input: PreviewInput): { preview: Preview; flags: Flag[] } {
  const { params, state } = input;
  const { before, after } = documentsOf(params, state.policy.document);
  const change = effectiveChange(before, after);
  const diff = diffStatements(before, after);
  const preview: Preview = {
    summary: summaryOf(input, change).slice(0, 300),
    facts: factsOf(input, change, diff),
    content: { language: 'diff', text: contentOf(params, diff, change) },
    fingerprint: fingerprintOf(state, params, input.target),
    estimate: {
      current: observedOf(params, state),
      proposed: proposedOf(params),
      currentVersionId: state.policy.defaultVersionId,
      newestVersion: numberOf(state.policy.versionIds[0] ?? 'v0'),
      prunes: params.change === 'set_policy' ? prunedBy(state) : null,
      reaches: params.change === 'set_policy' ? reachOf(state) : [],
    },
  };
  return { preview, flags: findFlags({ ...input, before, after, change }) };
}

/** @throws Refusal when there is nothing to change: an approval would be for nothing. */
export function refuseNoChange(params: AwsIamPolicyParams, { estimate }: Preview): void {
  if (estimate['current'] !== estimate['proposed']) return;
  const said = {
    set_policy: 'The policy says exactly this already.',
    attach: 'The policy is attached there already.',
    detach: 'The policy is not attached there.',
  };
  throw new Refusal('params_invalid', `${said[params.change]} There is nothing to change.`, 'params.change');
}

/** Why more would happen now than was approved; null when it would not. */
export function grewSince(approved: Preview, now: Preview): string | null {
  const known = new Set(textsOf(approved.estimate['reaches']));
  const more = textsOf(now.estimate['reaches']).filter((name) => !known.has(name));
  if (more.length > 0) return `The policy would now also change the permissions of ${listNames(more)}.`;
  const { prunes } = now.estimate;
  if (typeof prunes !== 'string' || prunes === approved.estimate['prunes']) return null;
  return `Version ${prunes} of the policy would now be deleted to make room.`;
}

/** What the target would have to show for this to be done. */
function proposedOf(params: AwsIamPolicyParams): string {
  if (params.change !== 'set_policy') return params.change === 'attach' ? 'attached' : 'detached';
  return documentDigest(parsed(params.document));
}

/** What the target shows, in the terms of `proposedOf`. */
export function observedOf(params: AwsIamPolicyParams, { policy, principal }: IamState): string {
  if (params.change === 'set_policy') return documentDigest(policy.document);
  return principal?.attached.includes(params.policyArn) === true ? 'attached' : 'detached';
}

/** The version that must go before another can be made; null while there is room. */
export function prunedBy({ policy: { versionIds, defaultVersionId } }: IamState): string | null {
  if (versionIds.length < VERSIONS) return null;
  return versionIds.filter((id) => id !== defaultVersionId).at(-1) ?? null;
}

function documentsOf(
  params: AwsIamPolicyParams,
  present: PolicyDocument,
): { before: PolicyDocument | null; after: PolicyDocument | null } {
  switch (params.change) {
    case 'set_policy':
      return { before: present, after: parsed(params.document) };
    case 'attach':
      return { before: null, after: present };
    case 'detach':
      return { before: present, after: null };
  }
}

function parsed(document: unknown): PolicyDocument {
  const result = parseDocument(document);
  if (!result.ok) throw new Refusal('params_invalid', result.message, `params.document${result.path}`);
  return result.document;
}

function summaryOf({ params, target }: PreviewInput, change: EffectiveChange): string {
  const where = `${target.name} (${target.environment})`;
  const policy = params.policyArn.slice(params.policyArn.lastIndexOf('/') + 1);
  const counted = `${numberOfPairs(change.newlyAllowed)} newly allowed, ${numberOfPairs(change.noLongerAllowed)} no longer`;
  if (params.change === 'set_policy') return `Change IAM policy ${policy} in ${where}: ${counted}`;
  const { kind, name } = params.principal;
  const verb = params.change === 'attach' ? `Attach IAM policy ${policy} to` : `Detach IAM policy ${policy} from`;
  return `${verb} ${kind} ${name} in ${where}: ${counted}`;
}

function numberOfPairs(pairs: readonly Pairs[]): string {
  const count = countPairs(pairs);
  return `${count.toLocaleString('en-US')} action/resource pair${count === 1 ? '' : 's'}`;
}

function factsOf(
  { params, target, state }: PreviewInput,
  change: EffectiveChange,
  diff: StatementDiff,
): Preview['facts'] {
  const { policy, principal } = state;
  const facts: Preview['facts'] = [
    { label: 'Account', value: `${target.accountId} (${target.name}, ${target.environment})` },
    { label: 'Policy', value: `${params.policyArn}, version ${policy.defaultVersionId} in force` },
  ];
  if (params.change === 'set_policy') {
    const { added, changed, removed } = diff;
    const pruned = prunedBy(state);
    const versions =
      pruned === null
        ? `${policy.versionIds.length} of ${VERSIONS}; ${policy.defaultVersionId} stays for the undo`
        : `${VERSIONS} of ${VERSIONS}: deletes ${pruned}, the oldest, to make room`;
    facts.push(
      { label: 'Statements', value: `${added} added, ${changed} changed, ${removed} removed` },
      { label: 'Versions', value: versions },
      { label: 'Attached to', value: listPrincipals(policy.attachedTo) },
      { label: 'Bounds', value: listPrincipals(policy.boundaryOf) },
    );
  } else {
    const { kind, name } = params.principal;
    facts.push(
      { label: 'To whom', value: `${kind} ${name}` },
      {
        label: 'Its other policies',
        value: listNames((principal?.attached ?? []).filter((arn) => arn !== params.policyArn)) || 'none',
      },
      { label: 'Its boundary', value: principal?.boundaryArn ?? 'none' },
    );
    if (principal?.trust)
      facts.push({ label: 'May be assumed by', value: listNames(principal.trust.means.principals) || 'nobody' });
  }
  return [
    ...facts,
    { label: 'Newly allowed', value: fit(change.newlyAllowed) },
    { label: 'No longer allowed', value: fit(change.noLongerAllowed) },
    { label: 'Newly denied', value: fit(change.newlyDenied) },
    { label: 'No longer denied', value: fit(change.noLongerDenied) },
    { label: 'Not looked at', value: NOT_LOOKED_AT },
  ];
}

const NOT_LOOKED_AT =
  'Other policies of the same users and roles, service control policies, resource policies, and whether conditions hold.';

function contentOf(params: AwsIamPolicyParams, diff: StatementDiff, change: EffectiveChange): string {
  const title = {
    set_policy: params.policyArn,
    attach: params.change === 'attach' ? `${params.principal.kind} ${params.principal.name}` : '',
    detach: params.change === 'detach' ? `${params.principal.kind} ${params.principal.name}` : '',
  }[params.change];
  const marks = {
    set_policy: 'statements',
    attach: `attach ${params.policyArn}`,
    detach: `detach ${params.policyArn}`,
  };
  const effect = describeChange(change);
  return [
    `@@ ${title}: ${marks[params.change]} @@`,
    ...diff.lines,
    '@@ what changes in effect @@',
    ...(effect.length === 0 ? ['  nothing: other words for the same'] : effect),
  ].join('\n');
}

function reachOf({ policy: { attachedTo, boundaryOf } }: IamState): string[] {
  return [...attachedTo.map(nameOf), ...boundaryOf.map((one) => `${nameOf(one)} (boundary)`)];
}

function nameOf({ kind, name }: PrincipalName): string {
  return `${kind} ${name}`;
}

function listPrincipals(principals: readonly PrincipalName[]): string {
  return principals.length === 0 ? 'nobody' : listNames(principals.map(nameOf));
}

// Facts are a summary: what is left out is counted, and the content is always whole.
function fit(pairs: readonly Pairs[]): string {
  return pairs.length === 0 ? 'nothing' : listNames(pairs.map(describePairs)).slice(0, 2_000);
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((text) => typeof text === 'string') : [];
}

/** The exact text that IAM is sent. */
export function sentDocument(document: unknown): string {
  return canonicalJson(document);
}
