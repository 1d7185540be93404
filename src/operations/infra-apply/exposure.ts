import type { Change } from './plan-json.js';

const EVERYWHERE = /^(0\.0\.0\.0\/0|::\/0|0000:0000:0000:0000:0000:0000:0000:0000\/0|0\.0\.0\.0\/1|128\.0\.0\.0\/1)$/;
const PUBLIC_ACL =
  /^(public-read|public-read-write|website|authenticated-read|publicRead|publicReadWrite|allUsers|allAuthenticatedUsers)$/;

/** Attributes that open something when they hold this. */
const OPENS: readonly [RegExp, (value: unknown) => boolean][] = [
  [
    /(^|_)(acl|predefined_acl|member|members|entity|role_entity)$/,
    (value) => typeof value === 'string' && PUBLIC_ACL.test(value.split(':').at(-1) ?? ''),
  ],
  [
    /^(publicly_accessible|public|public_access_enabled|public_network_access_enabled|allow_nested_items_to_be_public|allow_blob_public_access|associate_public_ip_address|map_public_ip_on_launch|endpoint_public_access|publicly_advertised)$/,
    (value) => value === true,
  ],
  [
    /^(block_public_acls|block_public_policy|ignore_public_acls|restrict_public_buckets|block_public_access)$/,
    (value) => value === false,
  ],
  [
    /^(source_address_prefix|source_address_prefixes|destination_address_prefix)$/,
    (value) => typeof value === 'string' && /^(\*|internet|any)$/i.test(value),
  ],
  [/^container_access_type$/, (value) => value === 'blob' || value === 'container'],
  [/^(authorization|auth_type|authorization_type)$/, (value) => value === 'NONE'],
];

/** Addresses of resources that a plan opens to everyone and that were not open in that way before. */
export function findExposure(changes: readonly Change[]): string[] {
  return changes
    .filter(({ kind }) => kind === 'create' || kind === 'change' || kind === 'replace')
    .filter(({ type, value }) => {
      const before = new Set(openingsOf(type, value.before));
      return openingsOf(type, value.after).some((opening) => !before.has(opening));
    })
    .map(({ address }) => address);
}

/** Each way in which a value is open to everyone, as comparable text. */
function openingsOf(type: string, value: unknown): string[] {
  const found: string[] = [];
  // What leaves a network is no exposure of it.
  const isEgress = (path: readonly string[]): boolean => path.includes('egress') || path.join('.').includes('egress_');
  const visit = (inner: unknown, path: readonly string[]): void => {
    if (Array.isArray(inner)) {
      for (const item of inner) visit(item, path);
    } else if (typeof inner === 'object' && inner !== null) {
      const rule = inner as Record<string, unknown>;
      if (rule['type'] === 'egress' || rule['direction'] === 'EGRESS' || rule['direction'] === 'Outbound') return;
      for (const [key, item] of Object.entries(rule)) visit(item, [...path, key]);
      if (isOpenStatement(rule)) found.push(`${path.join('.')}:principal`);
    } else if (!isEgress(path)) {
      found.push(...openingsOfValue(inner, path, visit));
    }
  };
  if (!/egress|route/.test(type)) visit(value, []);
  return found;
}

function openingsOfValue(
  value: unknown,
  path: readonly string[],
  visit: (inner: unknown, path: string[]) => void,
): string[] {
  const name = path.at(-1) ?? '';
  const found: string[] = [];
  if (typeof value === 'string') {
    if (EVERYWHERE.test(value)) found.push(`${path.join('.')}:${value}`);
    if (/^\s*[{[]/.test(value)) visit(jsonOf(value), [...path, 'json']);
  }
  for (const [attribute, opens] of OPENS)
    if (attribute.test(name) && opens(value)) found.push(`${path.join('.')}:${String(value)}`);
  return found;
}

/** A statement of a policy that lets everybody in: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html */
function isOpenStatement(statement: Record<string, unknown>): boolean {
  const principal = statement['Principal'] ?? statement['principal'];
  if (statement['Effect'] !== 'Allow' || principal === undefined) return false;
  const named = typeof principal === 'object' && principal !== null ? Object.values(principal) : [principal];
  return named.flat().includes('*');
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
