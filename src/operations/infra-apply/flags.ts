import type { Flag, Severity } from '../../core/schemas/action.js';
import { visibleLine } from '../../core/visible-text.js';
import type { InfraTarget } from '../../targets/infra.js';
import { findExposure } from './exposure.js';
import type { Change, Plan } from './plan-json.js';
import type { SourceFindings } from './source-guard.js';

/** What the flags are decided by. */
export interface FlagInput {
  plan: Plan;
  findings: Pick<SourceFindings, 'unpinnedModules' | 'unpinnedProviders'>;
  target: Pick<InfraTarget, 'name' | 'environment' | 'hours'>;
  /** Whether all of the workspace is to be destroyed. */
  destroysAll: boolean;
  /** Earlier finished actions of this agent on this workspace. */
  pastApplies: number;
  nowMs: number;
}

const MANY_CHANGES = 100;

/** Types that say who may do what. */
const IAM =
  /(^|_)(iam|rbac|role|roles|role_?binding|cluster_?role|policy_?attachment|access_?policy|role_assignment|role_definition|service_account|service_principal|access_key|permission|permissions|grant|acl_policy|auth_backend_role|membership|collaborator)(_|$)/;

/** The risks of a plan, for policy and people. At most one flag of each code. */
export function findFlags({ plan, findings, target, destroysAll, pastApplies, nowMs }: FlagInput): Flag[] {
  const managed = plan.changes.filter(({ mode }) => mode === 'managed');
  const of = (...kinds: Change['kind'][]): string[] =>
    managed.filter(({ kind }) => kinds.includes(kind)).map(({ address }) => address);
  const iam = managed.filter(({ type, kind }) => kind !== 'move' && IAM.test(type)).map(({ address }) => address);
  const changed = managed.filter(({ kind }) => kind !== 'move').length;
  return [
    some(
      'destroy',
      destroysAll || of('destroy').length >= MANY_CHANGES ? 'critical' : 'high',
      of('destroy'),
      'Destroys',
    ),
    some('replace', 'high', of('replace'), 'Destroys and makes anew'),
    some('public_exposure', 'critical', findExposure(managed), 'Opens to everyone:'),
    some('iam', 'high', iam, 'Changes who may do what:'),
    some('forget', 'medium', of('forget'), 'Stops managing, without destroying,'),
    some(
      'import',
      'medium',
      managed.filter(({ importId }) => importId !== null).map(({ address }) => address),
      'Takes over',
    ),
    some(
      'drift',
      'medium',
      plan.drift.map(({ address }) => address),
      'Was changed outside of OpenTofu:',
    ),
    some('unpinned_module', 'medium', findings.unpinnedModules, 'Modules that are not bound to one commit:'),
    some('unpinned_provider', 'low', findings.unpinnedProviders, 'The configuration sets no version of'),
    changed < MANY_CHANGES
      ? null
      : flag('many_changes', 'medium', `${changed.toLocaleString('en-US')} resources would change.`),
    changed > 0 || plan.outputs.length > 0 || of('move').length > 0
      ? null
      : flag('no_change', 'info', 'Nothing would change.'),
    target.environment === 'production'
      ? flag('production', 'medium', `${target.name} is a production workspace.`)
      : null,
    unusualHour(target, nowMs),
    pastApplies > 0
      ? null
      : flag('first_time', 'info', `This agent has not applied anything to ${target.name} before.`),
  ].filter((found) => found !== null);
}

function unusualHour({ name, hours }: FlagInput['target'], nowMs: number): Flag | null {
  const format = { timeZone: hours.timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const;
  const at = new Intl.DateTimeFormat('en-GB', format).format(nowMs);
  const hour = Number(at.slice(0, 2));
  // `from` after `to` means hours across midnight.
  const isUsual = hours.from < hours.to ? hour >= hours.from && hour < hours.to : hour >= hours.from || hour < hours.to;
  if (isUsual) return null;
  const usual = `${name} is usually worked on from ${String(hours.from)} to ${String(hours.to)} o'clock`;
  return flag('unusual_hour', 'medium', `It is ${at} in ${hours.timeZone}; ${usual}.`);
}

function some(code: string, severity: Severity, names: readonly string[], what: string): Flag | null {
  if (names.length === 0) return null;
  const shown: string[] = [];
  for (const name of names.map((text) => visibleLine(text))) {
    if (shown.join(', ').length + name.length > 380) break;
    shown.push(name);
  }
  const more = names.length - shown.length;
  const list = [shown.join(', '), more === 0 ? '' : `${shown.length === 0 ? '' : 'and '}${String(more)} more`];
  return flag(code, severity, `${what} ${list.filter((part) => part !== '').join(' ')}.`);
}

function flag(code: string, severity: Severity, sentence: string): Flag {
  return { code, severity, sentence };
}
