import { visibleLine } from '../../core/visible-text.js';
import type { Flag } from '../../core/schemas/action.js';
import { parseIamArn, samePrincipal, type PrincipalName } from '../../targets/aws/arn.js';
import type { AwsTarget } from '../../targets/aws.js';
import { flag, listNames, productionFlag, unusualHourFlag } from '../common-flags.js';
import { describeTerm } from './describe-change.js';
import { meaningOf, type PolicyDocument } from './document.js';
import { allowsAction, isAbout, type EffectiveChange, type Pairs, type Term } from './effective-change.js';
import { ESCALATION_METHODS } from './escalation.js';
import type { IamState } from './inspect.js';
import type { AwsIamPolicyParams } from './params.js';
import { hasWildcard, overlaps } from './patterns.js';

/** What the flags are decided by. */
export interface FlagInput {
  params: AwsIamPolicyParams;
  target: Pick<AwsTarget, 'name' | 'environment' | 'hours' | 'accountId' | 'partition' | 'credentials'>;
  agent: string;
  state: IamState;
  /** What the policy says to them now; null before it is attached. */
  before: PolicyDocument | null;
  /** What it will say; null when it is detached. */
  after: PolicyDocument | null;
  change: EffectiveChange;
  /** Earlier finished changes by this agent in this account. */
  past: number;
  nowMs: number;
}

/** Every code that this operation can find: for the schema's `@flags`. */
export const FLAG_CODES = [
  'own_permissions',
  'own_permissions_unknown',
  'countersign_permissions',
  'privilege_escalation',
  'wildcard_action',
  'wildcard_resource',
  'pass_role',
  'assume_outside',
  'principal_any',
  'deny_removed',
  'boundary_changed',
  'production',
  'unusual_hour',
  'first_time',
] as const;

/** The risks of a change, for policy and people. At most one flag of each code. */
export function findFlags(input: FlagInput): Flag[] {
  const { target, nowMs, agent, past } = input;
  const found: (Flag | null)[] = [
    ownPermissions(input),
    countersignPermissions(input),
    privilegeEscalation(input),
    wildcardAction(input.change.newlyAllowed),
    wildcardResource(input.change.newlyAllowed),
    passRole(input.change.newlyAllowed),
    assumeOutside(input),
    principalAny(input),
    denyRemoved(input.change.noLongerDenied),
    boundaryChanged(input),
    productionFlag(target, 'account'),
    unusualHourFlag(target, nowMs),
    past > 0 ? null : flag('first_time', 'info', `${agent} has not changed permissions in ${target.name} before.`),
  ];
  return found.filter((one) => one !== null);
}

/** Whose permissions the change reaches. */
function affected({ params, state }: Pick<FlagInput, 'params' | 'state'>): PrincipalName[] {
  return params.change === 'set_policy' ? [...state.policy.attachedTo, ...state.policy.boundaryOf] : [params.principal];
}

function ownPermissions({ params, state, agent, target }: FlagInput): Flag | null {
  if (state.own === null) {
    const sentence = `${target.name} does not list what ${agent} and its owner act as: whether this changes their own permissions is not known.`;
    return flag('own_permissions_unknown', 'medium', sentence);
  }
  const own = state.own;
  const hit = affected({ params, state }).filter((one) => own.some((mine) => samePrincipal(one, mine)));
  if (hit.length > 0) {
    const names = listNames(hit.map(({ kind, name }) => `${kind} ${name}`));
    return flag(
      'own_permissions',
      'critical',
      `Changes the permissions of ${names}, as which ${agent} or its owner acts.`,
    );
  }
  const trusted = (state.principal?.trust?.means.principals ?? []).filter((arn) => {
    const named = parseIamArn(arn, target);
    return (
      named !== null &&
      named.kind !== 'policy' &&
      own.some((mine) => mine.kind === named.kind && mine.name === named.name)
    );
  });
  if (trusted.length === 0) return null;
  const sentence = `Changes the permissions of a role that ${listNames(trusted)} may assume, as which ${agent} or its owner acts.`;
  return flag('own_permissions', 'critical', sentence);
}

function countersignPermissions({ params, state, target }: FlagInput): Flag | null {
  const { credentials } = target;
  const roles = credentials.type === 'assumed_role' ? [credentials.previewRoleArn, credentials.executeRoleArn] : [];
  const ours = roles.map((arn) => parseIamArn(arn, target)).filter((named) => named !== null);
  const hit = affected({ params, state }).filter((one) =>
    ours.some(({ kind, name }) => kind === one.kind && name === one.name),
  );
  const isBoundary = credentials.type === 'iam_user' && credentials.permissionsBoundaryArn === params.policyArn;
  if (hit.length === 0 && !isBoundary) return null;
  const what = isBoundary ? 'the boundary of' : `${listNames(hit.map(({ name }) => name))}, which is used for`;
  return flag(
    'countersign_permissions',
    'critical',
    `Changes ${what} Countersign's own credentials in ${target.name}.`,
  );
}

/** Of this policy alone: what it completes together with others is not seen. */
function privilegeEscalation({ after, change }: FlagInput): Flag | null {
  if (after === null) return null;
  const gained = [...change.newlyAllowed, ...change.noLongerDenied];
  const methods = ESCALATION_METHODS.filter(
    ({ actions }) =>
      actions.some((action) => isAbout(gained, action)) && actions.every((action) => allowsAction(after, action)),
  );
  if (methods.length === 0) return null;
  const names = methods.map(({ name, actions }) => `${name} (${actions.join(' + ')})`);
  return flag('privilege_escalation', 'critical', `Allows known ways to more rights: ${listNames(names)}.`);
}

function wildcardAction(gained: readonly Pairs[]): Flag | null {
  const wide = gained
    .flatMap(({ actions }) => actions)
    .filter((term) => term.kind === 'except' || hasWildcard(term.pattern));
  if (wide.length === 0) return null;
  const isWhole = wide.some((term) => term.kind === 'except' || /^(\*|[^:]*:\*)$/.test(term.pattern));
  return flag('wildcard_action', isWhole ? 'high' : 'medium', `Allows by pattern: ${namesOf(wide)}.`);
}

function wildcardResource(gained: readonly Pairs[]): Flag | null {
  const wide = gained
    .flatMap(({ resources }) => resources)
    .filter((term) => term.kind === 'except' || hasWildcard(term.pattern));
  if (wide.length === 0) return null;
  const isAll = wide.some((term) => term.kind === 'except' || term.pattern === '*');
  return flag('wildcard_resource', isAll ? 'high' : 'medium', `Allows on resources by pattern: ${namesOf(wide)}.`);
}

function passRole(gained: readonly Pairs[]): Flag | null {
  const passing = gained.filter((pairs) => isAbout([pairs], 'iam:PassRole'));
  if (passing.length === 0) return null;
  const roles = namesOf(passing.flatMap(({ resources }) => resources));
  return flag('pass_role', 'high', `Allows to hand roles to AWS services (iam:PassRole): ${roles}.`);
}

const ASSUMING = ['sts:AssumeRole', 'sts:AssumeRoleWithSAML', 'sts:AssumeRoleWithWebIdentity'];

function assumeOutside({ change, target: { partition, accountId } }: FlagInput): Flag | null {
  const outside = change.newlyAllowed
    .filter((pairs) => ASSUMING.some((action) => isAbout([pairs], action)))
    .flatMap(({ resources }) => resources)
    .filter((term) => term.kind === 'except' || !isWithin(term.pattern, `arn:${partition}:iam::${accountId}:`));
  if (outside.length === 0) return null;
  return flag('assume_outside', 'high', `Allows to assume roles of other accounts: ${namesOf(outside)}.`);
}

/** Whether a pattern stands for nothing beyond a prefix; whatever is no role's ARN at all is left out. */
function isWithin(pattern: string, prefix: string): boolean {
  if (pattern.startsWith(prefix)) return true;
  return !overlaps(pattern, 'arn:*:iam::*:role/*');
}

/** Of a role's trust: what is attached to such a role is given to anybody. */
function principalAny({ params, state }: FlagInput): Flag | null {
  const anyone = state.principal?.trust?.means.anyone ?? 'no';
  if (params.change !== 'attach' || anyone === 'no') return null;
  const how = anyone === 'yes' ? 'Anybody may' : 'Anybody who meets a condition may';
  return flag(
    'principal_any',
    anyone === 'yes' ? 'critical' : 'high',
    `${how} assume role ${params.principal.name} (principal *).`,
  );
}

function denyRemoved(lost: readonly Pairs[]): Flag | null {
  if (lost.length === 0) return null;
  return flag('deny_removed', 'high', `No longer denies ${namesOf(lost.flatMap(({ actions }) => actions))}.`);
}

const BOUNDARY_KEY = 'iam:permissionsboundary';

/** A boundary that grows, or a statement that demands one and goes. */
function boundaryChanged({ state, change, params, before, after }: FlagInput): Flag | null {
  const { boundaryOf } = state.policy;
  const hasGrown = change.newlyAllowed.length > 0 || change.noLongerDenied.length > 0;
  if (params.change === 'set_policy' && boundaryOf.length > 0 && hasGrown) {
    const names = listNames(boundaryOf.map(({ kind, name }) => `${kind} ${name}`));
    return flag('boundary_changed', 'high', `Widens the permissions boundary of ${names}.`);
  }
  const kept = new Set(after?.statements.map(meaningOf));
  const demanding = before?.statements.filter(
    (statement) => JSON.stringify(statement.condition).includes(`"${BOUNDARY_KEY}"`) && !kept.has(meaningOf(statement)),
  );
  if (demanding === undefined || demanding.length === 0) return null;
  return flag('boundary_changed', 'high', 'Changes or removes a statement that demands a permissions boundary.');
}

function namesOf(terms: readonly Term[]): string {
  return listNames([...new Set(terms.map((term) => visibleLine(describeTerm(term))))]);
}
