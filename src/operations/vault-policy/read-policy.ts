import { CAPABILITIES, type Parameters, type PathRule, type PolicyDocument, type Scalar } from './document.js';
import { HclFault, parseHcl, type HclEntry, type HclValue } from './parse-hcl.js';

/** Limits on one policy. */
export const POLICY_LIMITS = { documentBytes: 65_536, paths: 500, pathChars: 512 } as const;

/** What is wrong with a policy's text; names the line. */
export class PolicyFault extends Error {
  override readonly name = 'PolicyFault';
}

/**
 * Reads a Vault ACL policy, HCL or JSON, as strictly as it can be read: what this does not know, it refuses, because Vault
 * might know it. See https://developer.hashicorp.com/vault/docs/concepts/policies.
 * @throws PolicyFault
 */
export function readPolicy(text: string): PolicyDocument {
  try {
    return readRules(parseHcl(text));
  } catch (error) {
    if (error instanceof HclFault) throw new PolicyFault(error.message);
    throw error;
  }
}

function readRules(entries: readonly HclEntry[]): PolicyDocument {
  const blocks = entries.flatMap((entry): { path: string; line: number; body: HclValue }[] => {
    const { keys, line, value } = entry;
    const [word, path] = keys;
    if (word !== 'path') fault(line, `"${word ?? ''}" is not known here: a policy holds path "…" { … }`);
    if (path !== undefined && keys.length === 2) return [{ path, line, body: value }];
    // JSON: one object of all paths.
    if (keys.length === 1 && value.kind === 'object')
      return value.entries.map((inner) => ({ path: onlyKey(inner), line: inner.line, body: inner.value }));
    return fault(line, 'a path block is path "…" { … }');
  });
  if (blocks.length === 0) fault(1, 'it holds no path: delete the policy instead');
  if (blocks.length > POLICY_LIMITS.paths) fault(1, `it holds more than ${String(POLICY_LIMITS.paths)} paths`);
  const rules = blocks.map(({ path, line, body }) => readRule(path, line, body));
  const paths = new Set<string>();
  for (const [index, { path }] of rules.entries()) {
    if (paths.has(path)) fault(blocks[index]?.line ?? 1, `path "${path}" is there twice: write it once`);
    paths.add(path);
  }
  return rules.sort((one, other) => (one.path < other.path ? -1 : 1));
}

function readRule(path: string, line: number, body: HclValue): PathRule {
  if (body.kind !== 'object') return fault(line, `path "${path}" must be a block`);
  checkPath(path, line);
  const rule: PathRule = {
    path,
    capabilities: [],
    comment: null,
    allowed: null,
    denied: null,
    required: null,
    minWrappingTtl: null,
    maxWrappingTtl: null,
  };
  const seen = new Set<string>();
  for (const entry of body.entries) {
    const key = onlyKey(entry);
    if (seen.has(key)) fault(entry.line, `"${key}" is there twice`);
    seen.add(key);
    readField(rule, key, entry);
  }
  if (!seen.has('capabilities')) fault(line, `path "${path}" has no capabilities`);
  return rule;
}

function readField(rule: PathRule, key: string, { line, value }: HclEntry): void {
  switch (key) {
    case 'capabilities':
      rule.capabilities = strings(value, line, key);
      if (rule.capabilities.length === 0) fault(line, 'capabilities must not be empty: write ["deny"]');
      for (const capability of rule.capabilities)
        if (!CAPABILITIES.includes(capability))
          fault(line, `"${capability}" is no capability: one of ${CAPABILITIES.join(', ')}`);
      if (rule.capabilities.includes('deny') && rule.capabilities.length > 1)
        fault(line, 'deny undoes every other capability: write it alone');
      return;
    case 'comment':
      rule.comment = text(value, line, key);
      return;
    case 'allowed_parameters':
      rule.allowed = parameters(value, line, key);
      return;
    case 'denied_parameters':
      rule.denied = parameters(value, line, key);
      return;
    case 'required_parameters':
      rule.required = strings(value, line, key);
      return;
    case 'min_wrapping_ttl':
      rule.minWrappingTtl = duration(value, line, key);
      return;
    case 'max_wrapping_ttl':
      rule.maxWrappingTtl = duration(value, line, key);
      return;
    default:
      fault(line, `"${key}" is not known in a path block, so its effect could not be shown`);
  }
}

function checkPath(path: string, line: number): void {
  if (path === '' || path.length > POLICY_LIMITS.pathChars)
    fault(line, `a path has 1 to ${String(POLICY_LIMITS.pathChars)} characters`);
  if (path.startsWith('/')) fault(line, `path "${path}" begins with "/", which Vault drops: leave it out`);
  if (path.slice(0, -1).includes('*')) fault(line, `path "${path}" has * before its end, where it stands for itself`);
  const isPlus = (segment: string): boolean => segment === '+' || !segment.includes('+');
  if (!path.replace(/\*$/, '').split('/').every(isPlus))
    fault(line, `path "${path}" has + within a segment, where it stands for itself`);
}

function parameters(value: HclValue, line: number, key: string): Parameters {
  if (value.kind !== 'object') return fault(line, `${key} must be { "name" = [values] }`);
  const found = new Map<string, readonly Scalar[]>();
  for (const entry of value.entries) {
    const name = onlyKey(entry);
    // Vault compares names without regard to case.
    const known = [...found.keys()].some((other) => other.toLowerCase() === name.toLowerCase());
    if (known) fault(entry.line, `parameter "${name}" is there twice`);
    found.set(name, scalars(entry.value, entry.line, name));
  }
  return found;
}

function scalars(value: HclValue, line: number, key: string): Scalar[] {
  if (value.kind !== 'list') return fault(line, `"${key}" must be a list`);
  return value.items.map((item) =>
    item.kind === 'scalar' ? item.value : fault(line, `"${key}" must hold plain values`),
  );
}

function strings(value: HclValue, line: number, key: string): string[] {
  const found = scalars(value, line, key).map((item) =>
    typeof item === 'string' ? item : fault(line, `"${key}" must hold texts`),
  );
  return [...new Set(found)].sort();
}

function text(value: HclValue, line: number, key: string): string {
  return value.kind === 'scalar' && typeof value.value === 'string'
    ? value.value
    : fault(line, `"${key}" must be a text`);
}

function duration(value: HclValue, line: number, key: string): string {
  const written = value.kind === 'scalar' ? String(value.value) : '';
  return /^\d{1,9}(s|m|h)?$/.test(written)
    ? written
    : fault(line, `"${key}" must be seconds, or a duration such as "90s"`);
}

function onlyKey({ keys, line }: HclEntry): string {
  const [key] = keys;
  return key !== undefined && keys.length === 1 ? key : fault(line, `"${keys.join(' ')}" is not known here`);
}

function fault(line: number, because: string): never {
  throw new PolicyFault(`line ${String(line)}: ${because}`);
}
