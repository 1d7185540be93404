import type { Flag, Severity } from '../../core/schemas/action.js';
import type { VaultTarget } from '../../targets/vault.js';
import { flag, listNames, productionFlag, unusualHourFlag } from '../common-flags.js';
import type { PolicyDocument } from './document.js';
import type { EffectiveChange, PathCapability } from './effective.js';

export interface PolicyFlagInput {
  effective: EffectiveChange;
  /** As it would be. */
  after: PolicyDocument;
  isDeleted: boolean;
  target: Pick<VaultTarget, 'name' | 'environment' | 'hours'>;
  /** Earlier finished changes of this agent on this target. */
  pastChanges: number;
  nowMs: number;
}

const WRITES = ['create', 'update', 'patch', 'delete', 'sudo', 'recover'];

/** The risks of a changed policy, for policy and people. At most one flag of each code. */
export function findPolicyFlags({ effective, after, isDeleted, target, pastChanges, nowMs }: PolicyFlagInput): Flag[] {
  const { allowed, lost, denyGone, limits } = effective;
  const writes = allowed.filter(({ capability }) => WRITES.includes(capability));
  const flags: (Flag | null)[] = [
    pathFlag(
      'sudo',
      'critical',
      'Newly allows sudo on',
      allowed.filter(({ capability }) => capability === 'sudo'),
    ),
    pathFlag(
      'all_paths',
      'critical',
      'Newly allows every path, by',
      allowed.filter(({ path }) => /^(\+\/)*\+?\*$/.test(path)),
    ),
    areaFlag('sys_path', 'sys/', 'Newly allows what governs Vault itself', allowed),
    areaFlag('auth_path', 'auth/', 'Newly allows what governs who may log in and what tokens there are', allowed),
    areaFlag('identity_path', 'identity/', 'Newly allows what governs entities and their groups', allowed),
    pathFlag(
      'wildcard_write',
      'high',
      'Newly allows to write wherever a wildcard matches',
      writes.filter(({ path }) => isWild(path)),
    ),
    someFlag('deny_removed', 'high', 'No longer denies', denyGone),
    someFlag(
      'limits_changed',
      'medium',
      'Changes the limits on parameters or wrapping of',
      limits.map(({ path }) => path),
    ),
    someFlag(
      'templated_path',
      'medium',
      'Has paths that depend on who asks, which no preview can resolve',
      after.filter(({ path }) => path.includes('{{')).map(({ path }) => path),
    ),
    isDeleted
      ? flag(
          'policy_deleted',
          'medium',
          'Whoever holds this policy loses all that it allows, and is no longer held by what it denies.',
        )
      : null,
    pathFlag('access_lost', 'low', 'No longer allows', lost),
    productionFlag(target, 'Vault'),
    unusualHourFlag(target, nowMs),
    pastChanges > 0
      ? null
      : flag('first_time', 'info', `This agent has not changed a policy of ${target.name} before.`),
  ];
  return flags.filter((found) => found !== null);
}

/** Whether some request path in an area is meant by a pattern: `s*`, `+/policies/acl/x` and `*` all reach into `sys/`. */
export function reaches(pattern: string, area: string): boolean {
  const isPrefix = pattern.endsWith('*');
  const segments = (isPrefix ? pattern.slice(0, -1) : pattern).split('/');
  for (const [index, wanted] of area.replace(/\/$/, '').split('/').entries()) {
    const segment = segments[index];
    if (segment === undefined) return false;
    if (segment === '+') continue;
    if (isPrefix && index === segments.length - 1) return wanted.startsWith(segment);
    if (segment !== wanted) return false;
  }
  return true;
}

function areaFlag(code: string, area: string, sentence: string, allowed: readonly PathCapability[]): Flag | null {
  const found = allowed.filter(({ path }) => reaches(path, area));
  const severity = found.some(({ capability }) => WRITES.includes(capability)) ? 'critical' : 'high';
  return pathFlag(code, severity, sentence, found);
}

function pathFlag(code: string, severity: Severity, sentence: string, found: readonly PathCapability[]): Flag | null {
  return someFlag(
    code,
    severity,
    sentence,
    found.map(({ path, capability }) => `${capability} ${path}`),
  );
}

function someFlag(code: string, severity: Severity, sentence: string, names: readonly string[]): Flag | null {
  const distinct = [...new Set(names)];
  return distinct.length === 0 ? null : flag(code, severity, `${sentence}: ${listNames(distinct)}.`);
}

function isWild(path: string): boolean {
  return path.endsWith('*') || path.split('/').includes('+');
}
