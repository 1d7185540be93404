import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { LEASE_ROLE_CHARS } from '../core/schemas/action.js';
import { digestSchema } from '../core/schemas/primitives.js';
import {
  credentialExclusives,
  findCredentialProblems,
  providerCredentialsSchema,
} from './infra/provider-credentials.js';
import { createInfraWitness } from './infra/witness.js';
import { isLoopback } from './postgres/connection.js';
import { childTokenRoles, targetBase, tokenRolesOf, vaultNameSchema, type TargetKind } from './target-kind.js';

const absolutePath = z.string().max(500).refine(isAbsolute, 'must be an absolute path');

const gitLoginSchema = z.strictObject({
  /** As it stands in the addresses, e.g. `git.example.com` or `git.example.com:8443`. It is sent to no other. */
  host: z
    .string()
    .max(260)
    .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/, 'must be a host in lower case, with a port unless it is 443'),
  mount: vaultNameSchema,
  path: z.string().regex(/^[A-Za-z0-9_-]{1,63}(\/[A-Za-z0-9_-]{1,63}){0,5}$/, 'must be plain segments'),
  /** PEM file with the authority of the host's certificate, on the worker's and the executor's machine. Default: the system's. */
  authorityFile: absolutePath.optional(),
});

/** A workspace of OpenTofu or Terraform: what its plans may be made of, and where its state is kept. */
export const infraTargetSchema = z.strictObject({
  kind: z.literal('infra'),
  ...targetBase,
  /** The database of the `pg` backend; one schema per workspace, whose table `states` an administrator made. */
  state: z.strictObject({
    host: z.string().max(253),
    port: z.int().min(1).max(65_535),
    database: z.string().min(1).max(63),
    /** `disable` only for loopback. */
    tls: z.enum(['verify-full', 'disable']),
    schema: z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/),
  }),
  vault: z.strictObject({
    mount: vaultNameSchema,
    /** Vault database role of users who may read the state. */
    previewRole: vaultNameSchema,
    /** Vault database role of users who may read and write it. */
    executeRole: vaultNameSchema,
    /** Login only: for the witness that asks whether users and sessions are gone. */
    witnessRole: vaultNameSchema,
    ...childTokenRoles,
  }),
  /** What providers log in with. Default: nothing is leased for them. */
  providerCredentials: providerCredentialsSchema.optional(),
  /** Where configurations may come from. */
  sources: z.strictObject({
    /** Repositories as agents name them: absolute paths or https addresses; one that ends in `/` allows all below it. */
    git: z.array(z.string().min(1).max(500)).max(50),
    /** Logins for private repositories, by host: kept in Vault's key/value store, version 2, as `username` and `password`. */
    gitLogins: z.array(gitLoginSchema).max(10).optional(),
    /** SHA-256 of tarballs in the content store. */
    tarballs: z.array(digestSchema).max(200),
    /** Whether an agent may apply what it uploaded itself. Default: no. */
    uploads: z.boolean().optional(),
  }),
  /** Sources of modules beyond the configuration's own folders, each exactly as configurations name it. */
  modules: z.array(z.string().min(1).max(500)).max(200),
  /** The only providers that may run, each with the hashes of its packages as lock files write them. */
  providers: z
    .array(
      z.strictObject({
        source: z.string().regex(/^[a-z0-9.-]+(:\d+)?\/[A-Za-z0-9_-]+\/[A-Za-z0-9_-]+$/, 'must be host/namespace/type'),
        version: z.string().regex(/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/, 'must be one exact version'),
        hashes: z
          .array(z.string().regex(/^(h1:[A-Za-z0-9+/]{43}=|zh:[0-9a-f]{64})$/))
          .min(1)
          .max(50),
      }),
    )
    .max(50),
  /** Folder on the worker's and the executor's machine that provider packages are taken from; nothing is downloaded. */
  providerMirror: absolutePath.nullable(),
  /** Whether `data "http"` may be read while planning. */
  allowHttpData: z.boolean(),
  /** Variables that a request may set. */
  variables: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/i),
        type: z.enum(['string', 'number', 'bool', 'list(string)']),
      }),
    )
    .max(100),
});
export type InfraTarget = z.infer<typeof infraTargetSchema>;

/** The login for a repository; undefined when it is read without one. */
export function gitLoginFor(
  { sources: { gitLogins = [] } }: InfraTarget,
  repository: string,
): z.infer<typeof gitLoginSchema> | undefined {
  if (!repository.startsWith('https://')) return undefined;
  const { host } = new URL(repository);
  return gitLogins.find((login) => login.host === host);
}

/** Providers that run whatever a configuration tells them to, whatever their hash. */
const RUNS_ANYTHING = new Set(['hashicorp/external']);

/** A provider's address without the host, when that is one of the two public registries: they serve the same packages. */
export function providerKey(source: string): string {
  const parts = source.toLowerCase().split('/');
  if (parts.length === 2) return parts.join('/');
  const [host = '', ...rest] = parts;
  return host === 'registry.opentofu.org' || host === 'registry.terraform.io' ? rest.join('/') : parts.join('/');
}

export const targetKind: TargetKind<InfraTarget> = {
  kind: 'infra',
  cedarType: 'Workspace',
  schema: infraTargetSchema,

  findProblems(target) {
    const { state, vault, sources, providers, providerMirror, providerCredentials = {} } = target;
    const leaseRoleChars = longestLeaseRole(target);
    if (leaseRoleChars > LEASE_ROLE_CHARS) {
      const message = `names what one action leases in ${String(leaseRoleChars)} characters, of which ${String(LEASE_ROLE_CHARS)} may be approved: shorten mounts, roles or paths`;
      return [{ field: ['vault'], message }];
    }
    const problems = findCredentialProblems(providerCredentials, [vault.previewRole, vault.executeRole]);
    if (state.tls === 'disable' && !isLoopback(state.host)) {
      const message = `disables TLS for host "${state.host}", which is not loopback: write verify-full`;
      problems.push({ field: ['state', 'tls'], message });
    }
    for (const [position, repository] of sources.git.entries()) {
      if (isRepository(repository)) continue;
      const message = `"${repository}" must be an absolute path or an https address, without "..", user or query`;
      problems.push({ field: ['sources', 'git', position], message });
    }
    const hosts = (sources.gitLogins ?? []).map(({ host }) => host);
    for (const [position, host] of hosts.entries()) {
      if (hosts.indexOf(host) === position) continue;
      problems.push({ field: ['sources', 'gitLogins', position, 'host'], message: `${host} is listed twice` });
    }
    if (providers.length > 0 && providerMirror === null) {
      problems.push({
        field: ['providerMirror'],
        message: 'is needed where there are providers: nothing is downloaded',
      });
    }
    const seen = new Set<string>();
    for (const [position, { source }] of providers.entries()) {
      const key = providerKey(source);
      if (RUNS_ANYTHING.has(key)) {
        const message = `${source} runs any program that a configuration names: it cannot be allowed`;
        problems.push({ field: ['providers', position, 'source'], message });
      }
      if (seen.has(key))
        problems.push({ field: ['providers', position, 'source'], message: `${source} is listed twice` });
      seen.add(key);
    }
    return problems;
  },

  exclusives: ({ state: { host, port, database, schema }, vault, providerCredentials = {} }) => [
    // One state under two names could be asked for under the laxer one.
    { field: ['state', 'schema'], key: `state ${host.toLowerCase()}:${String(port)}/${database} schema ${schema}` },
    ...[...new Set([vault.previewRole, vault.executeRole])].map((role) => ({
      field: ['vault', role === vault.previewRole ? 'previewRole' : 'executeRole'],
      key: `Vault role ${vault.mount}/${role}`,
    })),
    ...credentialExclusives(providerCredentials),
  ],

  tokenRoles: ({ vault }) => tokenRolesOf(vault),

  createWitness: createInfraWitness,
};

/** As `infraLogin` names it: people approve it with the action. */
function longestLeaseRole({ vault, sources, providerCredentials: { aws, postgres } = {} }: InfraTarget): number {
  const logins = (sources.gitLogins ?? []).map(({ mount, path }) => `${mount}/data/${path}`);
  const longest = logins.sort((one, other) => other.length - one.length).slice(0, 1);
  const lengths = (['preview', 'execute'] as const).map((purpose) => {
    const roleOf = (roles: { previewRole: string; executeRole: string }): string => roles[`${purpose}Role`];
    const names = [
      `${vault.mount}/creds/${roleOf(vault)}`,
      ...(postgres === undefined ? [] : [`${postgres.mount}/creds/${roleOf(postgres)}`]),
      ...(aws === undefined ? [] : [`${aws.mount}/creds/${aws.rolePrefix}.${purpose}.${'0'.repeat(26)}`]),
      ...longest,
    ];
    return names.join(' + ').length;
  });
  return Math.max(...lengths);
}

/** An absolute path or an https address that means one thing only. */
export function isRepository(text: string): boolean {
  if (/[\s\\]|(^|\/)\.\.?(\/|$)/.test(text)) return false;
  if (text.startsWith('/')) return /^(\/[\w.@+-]+)+\/?$/.test(text);
  if (!text.startsWith('https://') || !URL.canParse(text)) return false;
  const { username, password, search, hash, href } = new URL(text);
  return username === '' && password === '' && search === '' && hash === '' && href === text && !text.includes('%');
}
