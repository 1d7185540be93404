import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import type { ProcessName } from '../../src/core/schemas/statements.js';
import { writeBundle } from '../../src/policy/write-bundle.js';
import type { Installation } from './installation/install.js';

/** Where an installation's processes find each other and their files. */
export interface PlaceOptions {
  installation: Installation;
  /** A folder of this installation's own; what it needs is written into it. */
  folder: string;
  temporal: { address: string; namespace: string };
  oidc: { issuer: string; audience: string };
  gateway: { port: number };
  /** base64 of the raw public key, by agent id. */
  agentKeys: Record<string, string>;
  /** Further settings of some processes, e.g. of Slack. */
  extra?: Partial<Record<ProcessName, Record<string, string>>>;
  sweepSeconds?: number;
  /** Approved changes of policy are followed. Default: the bundle stays as it is written. */
  governsPolicy?: boolean;
  /** Folder of the bundle to start from. Default: the example. */
  policies?: string;
  /** The bundle's targets stand as they are written: none of the installation's is filled in. */
  keepTargets?: boolean;
  /** The bundle lists what is installed and nothing else. Default: what is not installed stays as it is written. */
  onlyInstalled?: boolean;
}

/** A written place: knows every process's settings. */
export interface Place {
  policyDir: string;
  policyDigest: string;
  artefactsDir: string;
  gatewayUrl: string;
  /** Environment of one start of a process: the Vault login in it works once. */
  environmentOf(process: ProcessName): Promise<Record<string, string>>;
}

const DECIDED_BY_PEOPLE = ['kind', 'environment', 'owners', 'hours', 'allowedFunctions'];

const repository = fileURLToPath(new URL('../../', import.meta.url)).replace(/dist\/$/, '');

/** The example bundle, as it is committed. */
export const examplePolicies = join(repository, 'policies/example');

/** Writes keyring and policy bundle, as an installer would, and derives the settings of all processes. */
export async function writePlace(options: PlaceOptions): Promise<Place> {
  const { installation, folder, gateway } = options;
  const policyDir = join(folder, 'policies');
  const artefactsDir = join(folder, 'artefacts');
  const keyringFile = join(folder, 'keyring.json');
  await mkdir(artefactsDir, { recursive: true, mode: 0o700 });
  await writeFile(keyringFile, JSON.stringify(installation.keyring));
  await rm(policyDir, { recursive: true, force: true });
  const source = options.policies ?? examplePolicies;
  const policyDigest = await writeBundle(source, policyDir, {
    agentKeys: options.agentKeys,
    targets: options.keepTargets === true ? {} : placesOfTargets(installation),
    withoutTargets: options.onlyInstalled === true ? await missingTargets(source, installation) : [],
  });
  const gatewayUrl = `http://127.0.0.1:${String(gateway.port)}`;
  const sessionKey = randomBytes(32).toString('base64url');
  return {
    policyDir,
    policyDigest,
    artefactsDir,
    gatewayUrl,
    async environmentOf(process) {
      const login = await installation.issueLogin(process);
      return {
        COUNTERSIGN_TEMPORAL_ADDRESS: options.temporal.address,
        COUNTERSIGN_TEMPORAL_NAMESPACE: options.temporal.namespace,
        COUNTERSIGN_RECORD_URL: installation.recordUrls[process].reveal(),
        COUNTERSIGN_VAULT_ADDRESS: installation.vault.address,
        COUNTERSIGN_VAULT_APPROLE_MOUNT: login.mount,
        COUNTERSIGN_VAULT_ROLE: login.role,
        COUNTERSIGN_VAULT_ROLE_ID: login.roleId,
        COUNTERSIGN_VAULT_WRAPPED_SECRET_ID: login.wrappedSecretId.reveal(),
        COUNTERSIGN_VAULT_TRANSIT_MOUNT: installation.vault.mounts.transit,
        COUNTERSIGN_POLICY_DIR: policyDir,
        COUNTERSIGN_POLICY_DIGEST: policyDigest,
        ...(options.governsPolicy === true && { COUNTERSIGN_POLICY_MOUNT: installation.vault.mounts.policy }),
        COUNTERSIGN_ROOT_KEY: installation.root.publicKey,
        COUNTERSIGN_KEYRING_FILE: keyringFile,
        COUNTERSIGN_ARTEFACTS_DIR: artefactsDir,
        COUNTERSIGN_SCRATCH_DIR: join(folder, 'scratch'),
        COUNTERSIGN_WORKFLOW_BUNDLE: join(repository, 'dist/workflow-bundle.js'),
        COUNTERSIGN_SWEEP_SECONDS: String(options.sweepSeconds ?? 20),
        COUNTERSIGN_GATEWAY_PORT: String(gateway.port),
        COUNTERSIGN_GATEWAY_SESSION_KEY: sessionKey,
        COUNTERSIGN_PUBLIC_URL: gatewayUrl,
        COUNTERSIGN_OIDC_ISSUER: options.oidc.issuer,
        COUNTERSIGN_OIDC_AUDIENCE: options.oidc.audience,
        COUNTERSIGN_LOG_LEVEL: 'warn',
        ...options.extra?.[process],
      };
    },
  };
}

/** Where the installation's targets are, and what they are called in Vault; what people decided about them stays. */
export function placesOfTargets({
  targets,
  furtherTargets,
}: Installation): Record<string, { readonly [field: string]: unknown }> {
  return Object.fromEntries(
    [...targets, ...furtherTargets].map(({ name, ...target }) => {
      const fields = Object.entries(target).filter(([field]) => !DECIDED_BY_PEOPLE.includes(field));
      return [name, Object.fromEntries(fields)];
    }),
  );
}

/** Targets of a bundle that the installation does not have, by name. */
export async function missingTargets(bundle: string, { targets, furtherTargets }: Installation): Promise<string[]> {
  const listed = parse(await readFile(join(bundle, 'targets.yaml'), 'utf8')) as { targets: { name: string }[] };
  const installed = [...targets, ...furtherTargets].map(({ name }) => name);
  return listed.targets.map(({ name }) => name).filter((name) => !installed.includes(name));
}
