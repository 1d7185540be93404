import { CONTENT_KEY, PAYLOAD_KEY } from '../../../../src/vault/data-keys.js';
import type { Names, TargetNames } from '../names.js';

/** What a policy is written for. */
export interface PolicyScope {
  names: Names;
  targets: readonly TargetNames[];
}

/** Capabilities on one path, in Vault's policy language. */
export function allow(path: string, capabilities: readonly string[], ...more: readonly string[]): string {
  const quoted = capabilities.map((capability) => `"${capability}"`).join(', ');
  return [`path "${path}" {`, `  capabilities = [${quoted}]`, ...more.map((line) => `  ${line}`), '}'].join('\n');
}

/** Every process keeps its own token alive and gives it back. */
export function ownToken(): string[] {
  return ['auth/token/renew-self', 'auth/token/revoke-self'].map((path) => allow(path, ['update']));
}

/** Sign with one key, and read which version of it is the newest. */
export function signWith({ transitMount }: Names, purpose: string): string[] {
  return [allow(`${transitMount}/sign/${purpose}`, ['update']), allow(`${transitMount}/keys/${purpose}`, ['read'])];
}

/** Open what the content store keeps: unwrap the keys of single things. */
export function getContents({ transitMount }: Names): string {
  return allow(`${transitMount}/decrypt/${CONTENT_KEY}`, ['update']);
}

/** Keep things in the content store, and open them: have keys made for single things. */
export function putAndGetContents(names: Names): string[] {
  return [allow(`${names.transitMount}/datakey/plaintext/${CONTENT_KEY}`, ['update']), getContents(names)];
}

/** Encrypt and decrypt Temporal's payloads: have keys made for them, and opened. */
export function usePayloadKeys({ transitMount }: Names): string[] {
  return [
    allow(`${transitMount}/datakey/plaintext/${PAYLOAD_KEY}`, ['update']),
    allow(`${transitMount}/decrypt/${PAYLOAD_KEY}`, ['update']),
  ];
}

/** See which policy bundles lie in the store: what is there puts nothing in force by itself. */
export function readPolicyStore({ policyMount }: Names): string[] {
  return ['data', 'metadata'].map((part) => allow(`${policyMount}/${part}/*`, ['read']));
}

/** Create wrapped child tokens from a token role, with nothing in them but what a lease needs. */
export function createTokens(tokenRole: string): string {
  return allow(
    `auth/token/create/${tokenRole}`,
    ['update'],
    // Unwrapped, the token would be in the answer, and whoever reads the answer would hold it.
    'min_wrapping_ttl = "10s"',
    'max_wrapping_ttl = "90s"',
    'allowed_parameters = { "display_name" = [], "meta" = [], "ttl" = [], "explicit_max_ttl" = [] }',
  );
}

/** Revoke leases of these database roles only. */
export function revokeLeases({ databaseMount }: Names, roles: readonly string[]): string {
  return allow('sys/leases/revoke', ['update'], leaseParameters(databaseMount, roles, '"sync" = [true]'));
}

/** Ask whether leases of these database roles are known. */
export function lookUpLeases({ databaseMount }: Names, roles: readonly string[]): string {
  return allow('sys/leases/lookup', ['update'], leaseParameters(databaseMount, roles));
}

// Vault cannot narrow these two by token: a mount or namespace of one's own is the way where others share the server.
export const revokeAccessors = allow('auth/token/revoke-accessor', ['update']);
export const lookUpAccessors = allow('auth/token/lookup-accessor', ['update']);

function leaseParameters(mount: string, roles: readonly string[], ...more: readonly string[]): string {
  const prefixes = roles.map((role) => `"${mount}/creds/${role}/*"`).join(', ');
  return `allowed_parameters = { ${[`"lease_id" = [${prefixes}]`, ...more].join(', ')} }`;
}
