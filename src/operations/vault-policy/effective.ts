import type { PathRule, PolicyDocument } from './document.js';

/** A capability that comes or goes on what a pattern means; `parameters` and wrapping limits are compared as text. */
export interface PathCapability {
  path: string;
  capability: string;
}

/** What one policy allows afterwards and did not before, and the other way round. */
export interface EffectiveChange {
  allowed: PathCapability[];
  /** Formerly allowed. */
  lost: PathCapability[];
  /** Paths on which `deny` is written no more, and ones on which it is now. */
  denyGone: string[];
  denyNew: string[];
  /** Paths whose parameter or wrapping limits differ, with what they were and are. */
  limits: { path: string; before: string; after: string }[];
}

/**
 * Compares two documents on every path pattern that either names: at a point that the pattern means and no other names more
 * exactly by chance, Vault's own rule of the most specific match decides what applies before and after.
 * Of this policy alone: a token may have others.
 */
export function effectiveChange(before: PolicyDocument, after: PolicyDocument): EffectiveChange {
  const change: EffectiveChange = { allowed: [], lost: [], denyGone: [], denyNew: [], limits: [] };
  const paths = [...new Set([...before, ...after].map(({ path }) => path))].sort();
  for (const path of paths) {
    const point = pointOf(path);
    const [earlier, later] = [ruleAt(before, point), ruleAt(after, point)];
    const [had, has] = [capabilitiesOf(earlier), capabilitiesOf(later)];
    change.allowed.push(
      ...has.filter((capability) => !had.includes(capability)).map((capability) => ({ path, capability })),
    );
    change.lost.push(
      ...had.filter((capability) => !has.includes(capability)).map((capability) => ({ path, capability })),
    );
    if (isDeny(earlier) && !isDeny(later)) change.denyGone.push(path);
    if (isDeny(later) && !isDeny(earlier)) change.denyNew.push(path);
    const [limitsBefore, limitsAfter] = [limitsOf(earlier), limitsOf(later)];
    const isCompared = had.length > 0 && has.length > 0;
    if (isCompared && limitsBefore !== limitsAfter)
      change.limits.push({ path, before: limitsBefore, after: limitsAfter });
  }
  return change;
}

/** A request path that the pattern means, and that is named by nothing but patterns. */
function pointOf(pattern: string): string {
  const any = '\u0001any';
  const whole = pattern.endsWith('*') ? `${pattern.slice(0, -1)}${any}` : pattern;
  return whole
    .split('/')
    .map((segment) => (segment === '+' ? any : segment))
    .join('/');
}

/** The rule that Vault applies to a request path: an exact one, else the most specific pattern. */
export function ruleAt(document: PolicyDocument, requestPath: string): PathRule | null {
  const exact = document.find(({ path }) => path === requestPath);
  if (exact !== undefined) return exact;
  const matching = document.filter(({ path }) => matches(path, requestPath));
  return matching.sort((one, other) => comparePriority(other.path, one.path))[0] ?? null;
}

function matches(pattern: string, requestPath: string): boolean {
  const isPrefix = pattern.endsWith('*');
  const segments = (isPrefix ? pattern.slice(0, -1) : pattern).split('/');
  const asked = requestPath.split('/');
  if (isPrefix ? asked.length < segments.length : asked.length !== segments.length) return false;
  return segments.every((segment, index) => {
    const here = asked[index] ?? '';
    if (segment === '+') return here !== '' || index < asked.length - 1;
    return isPrefix && index === segments.length - 1 ? here.startsWith(segment) : here === segment;
  });
}

/**
 * Positive when the first pattern comes first.
 * https://developer.hashicorp.com/vault/docs/concepts/policies#priority-matching
 */
function comparePriority(one: string, other: string): number {
  const firstWild = (path: string): number => {
    const index = path.search(/(^|\/)\+(\/|$)|\*$/);
    return index === -1 ? Number.POSITIVE_INFINITY : path[index] === '/' ? index + 1 : index;
  };
  const plusses = (path: string): number => path.split('/').filter((segment) => segment === '+').length;
  const [a, b] = [firstWild(one), firstWild(other)];
  if (a !== b) return a < b ? -1 : 1;
  if (one.endsWith('*') !== other.endsWith('*')) return one.endsWith('*') ? -1 : 1;
  if (plusses(one) !== plusses(other)) return plusses(one) > plusses(other) ? -1 : 1;
  if (one.length !== other.length) return one.length < other.length ? -1 : 1;
  return one < other ? -1 : 1;
}

function capabilitiesOf(rule: PathRule | null): string[] {
  return rule === null || isDeny(rule) ? [] : rule.capabilities;
}

function isDeny(rule: PathRule | null): boolean {
  return rule?.capabilities.includes('deny') === true;
}

/** Parameter and wrapping limits as one text; empty when there are none. */
function limitsOf(rule: PathRule | null): string {
  if (rule === null) return '';
  const { allowed, denied, required, minWrappingTtl, maxWrappingTtl } = rule;
  const entries = (parameters: PathRule['allowed']): string =>
    [...(parameters ?? [])]
      .map(([name, values]) => `${name}=${JSON.stringify(values)}`)
      .sort()
      .join(', ');
  return [
    allowed === null ? '' : `allowed {${entries(allowed)}}`,
    denied === null ? '' : `denied {${entries(denied)}}`,
    required === null ? '' : `required [${required.join(', ')}]`,
    minWrappingTtl === null ? '' : `min wrapping ${minWrappingTtl}`,
    maxWrappingTtl === null ? '' : `max wrapping ${maxWrappingTtl}`,
  ]
    .filter((part) => part !== '')
    .join('; ');
}
