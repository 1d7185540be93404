import { createHash } from 'node:crypto';
import { Refusal } from '../core/errors.js';
import { canonicalJson } from '../core/json.js';
import { rememberSigners, type AgentSigners } from '../directory/agent-signers.js';
import type { Policy } from '../policy/policy.js';
import { allOf, latest, type AnyRecorded } from '../record/record.js';
import type { Evidence, PolicyFiles } from './format.js';
import { contentsNamedBy, policiesNamedBy } from './named.js';
import { encodePolicyFiles, loadPolicyFiles } from './policy-files.js';
import type { StatementCheck } from './verify-statements.js';

/** The bundle's policies by digest. */
export interface LoadedPolicies {
  policies: Map<string, Policy>;
  /** Which files are not those of their digest. */
  faults: string[];
  /** Digests of policies that are what they say, but that this release does not load: an older one did. */
  unreadable: string[];
}

export type LoadPolicies = (evidence: Evidence) => LoadedPolicies;

/** Makes the loader of a bundle's policies. The same files are loaded once: the policy engine takes a while. */
export function createPolicyLoader(): LoadPolicies {
  const loaded = new Map<string, Policy>();
  const load = (kept: PolicyFiles): Policy => {
    const name = canonicalJson(kept);
    const policy = loaded.get(name) ?? loadPolicyFiles(kept);
    loaded.set(name, policy);
    return policy;
  };
  return (evidence) => {
    const policies = new Map<string, Policy>();
    const faults: string[] = [];
    const unreadable: string[] = [];
    for (const kept of evidence.policies) {
      try {
        policies.set(kept.digest, load(kept));
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        if (error.code === 'bundle_invalid') unreadable.push(kept.digest);
        else faults.push(error.message);
      }
    }
    return { policies, faults, unreadable };
  };
}

/** Whose key the agent's own statements are judged by: the one that was given, else those of the policies in the bundle. */
export function agentsOf(policies: ReadonlyMap<string, Policy>, given: string | undefined): AgentSigners {
  if (given !== undefined) return { agentKeys: (agent) => [{ keyid: `agent/${agent}`, publicKey: given }] };
  return rememberSigners(...[...policies.values()].map(({ directory }) => directory.agents()));
}

/** What the bundle shows beside the statements must be what they say. */
export function checkShown({ params, preview }: Evidence, recorded: readonly AnyRecorded[]): StatementCheck[] {
  const asked = latest(recorded, 'request')?.body.params;
  const shown = latest(recorded, 'preview')?.body.preview ?? null;
  const same = isSame(params, asked) && isSame(preview, shown);
  const what = same
    ? `The parameters${preview === null ? '' : ' and the preview'} are those of the signed statements`
    : 'The parameters or the preview are not those of the signed statements';
  return [{ ok: same, what }];
}

/** Every policy's files are those of its digest, which a statement names. */
export function checkPolicies(
  { policies }: Evidence,
  recorded: readonly AnyRecorded[],
  faults: readonly string[],
): StatementCheck[] {
  const named = policiesNamedBy(recorded);
  const archived = allOf(recorded, 'archive').flatMap(({ body }) => body.policies);
  const wrong = policies.filter(
    (kept, at) =>
      !named.includes(kept.digest) ||
      policies.findIndex(({ digest }) => digest === kept.digest) !== at ||
      archived.some(({ digest, sha256 }) => digest === kept.digest && sha256 !== sha256Of(encodePolicyFiles(kept))),
  );
  const checks = [...faults, ...wrong.map(({ digest }) => `The policy ${digest} is named by no statement`)].map(
    (what) => ({ ok: false, what }),
  );
  if (policies.length === 0) return checks;
  const what = `${String(policies.length)} of ${String(named.length)} policy bundles that the statements name are here, each with its digest`;
  return [{ ok: checks.length === 0, what }, ...checks];
}

/** Every content is what its digest says, and is named by a statement; what must be kept is here. */
export function checkContents({ contents }: Evidence, recorded: readonly AnyRecorded[]): StatementCheck[] {
  const named = contentsNamedBy(recorded);
  const here = new Set(contents.map(({ sha256 }) => sha256));
  const faults = contents.flatMap(({ sha256, base64 }, at) => {
    if (sha256Of(Buffer.from(base64, 'base64')) !== sha256)
      return [`The content ${sha256} is not what its digest says`];
    // Base64 has bits that nothing reads: another spelling of the same bytes is a changed byte all the same.
    if (Buffer.from(base64, 'base64').toString('base64') !== base64) return [`The content ${sha256} is misspelt`];
    const isKnown = named.some((content) => content.sha256 === sha256);
    const isFirst = contents.findIndex((content) => content.sha256 === sha256) === at;
    return isKnown && isFirst ? [] : [`The content ${sha256} is named by no statement`];
  });
  const missing = named.filter(({ sha256, isKept }) => isKept && !here.has(sha256));
  return [
    {
      ok: faults.length === 0,
      what: `${String(contents.length - faults.length)} of ${String(contents.length)} contents are what a statement names`,
    },
    ...faults.map((what) => ({ ok: false, what })),
    ...missing.map(({ sha256, what }) => ({ ok: false, what: `The ${what} ${sha256} is not here` })),
  ];
}

/** Lower-case hex, by OpenSSL: a history may have megabytes. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function isSame(one: unknown, other: unknown): boolean {
  return other !== undefined && canonicalJson(one) === canonicalJson(other);
}
