import { z } from 'zod';
import { Refusal } from '../core/errors.js';
import { digestSchema } from '../core/schemas/primitives.js';
import type { Directory } from '../directory/directory.js';
import { loadDirectory, type Loaded } from '../directory/load-directory.js';
import { suggest } from '../directory/nearest.js';
import { readYaml, type Problem, type SourceFile } from '../directory/yaml-source.js';
import { bundleInvalid, readBundleFiles, type BundleFiles } from './bundle-files.js';
import { allEntities } from './cedar-entities.js';
import { checkSchema } from './cedar-schema.js';
import { checkPolicies } from './check-policies.js';
import { createPolicy } from './create-policy.js';
import { quorumFaults, withQuorumFloor } from './governed/quorum-floor.js';
import { loadTargets, type LoadedTargets } from './load-targets.js';
import type { Policy } from './policy.js';

const bundleFileSchema = z.strictObject({
  /** Place in the chain of bundles; the first is 1. */
  number: z.int().positive(),
  /** Digest of the bundle before this one; null for the first. */
  previous: digestSchema.nullable(),
});

/** What `countersign policy check` says of a folder. */
export interface BundleCheck {
  digest: string;
  /** Every problem found, by file and line. Empty: the bundle loads. */
  problems: Problem[];
  policy: Policy | null;
}

/**
 * Loads the bundle that configuration pins.
 * @throws Refusal `bundle_digest_mismatch` when the folder is not what was pinned;
 *   `bundle_invalid`, listing every problem by file and line, when it does not hold together.
 */
export async function loadBundle(dir: string, { pinnedDigest }: { pinnedDigest: string }): Promise<Policy> {
  const read = await readBundleFiles(dir);
  if (read.digest !== pinnedDigest) {
    throw new Refusal(
      'bundle_digest_mismatch',
      `The policy bundle ${dir} has digest ${read.digest}, but configuration pins ${pinnedDigest}. ` +
        'Restore the pinned bundle; or, if the change is meant, review it and pin the new digest.',
      dir,
    );
  }
  const check = checkBundleFiles(read);
  if (check.policy === null) throw bundleInvalid(dir, check.problems);
  return check.policy;
}

/**
 * Finds everything that is wrong with a bundle, whatever its digest.
 * @throws Refusal `bundle_invalid` when the folder itself cannot be read.
 */
export async function checkBundle(dir: string): Promise<BundleCheck> {
  return checkBundleFiles(await readBundleFiles(dir));
}

/** The same of files that were read already, from wherever. */
export function checkBundleFiles({ digest, files, problems: fileProblems }: BundleFiles): BundleCheck {
  const problems = [...fileProblems];
  const part = <T>(name: string, load: (source: SourceFile) => Loaded<T>): T | null => {
    const source = files.get(name);
    if (source === undefined) return null;
    const loaded = load(source);
    if (loaded.ok) return loaded.value;
    problems.push(...loaded.problems);
    return null;
  };
  const number = part('bundle.yaml', loadBundleFile);
  const directory = part('directory.yaml', loadDirectory);
  const targets = part('targets.yaml', loadTargets);
  if (directory !== null && targets !== null) problems.push(...checkOwners(targets, directory));

  const entities = directory !== null && targets !== null ? allEntities(directory, targets.targets) : [];
  const schema = part('schema.cedarschema', (source) => {
    const checked = checkSchema(source, entities);
    return checked.schema === null ? { ok: false, problems: checked.problems } : { ok: true, value: checked.schema };
  });
  const cedarFiles = [...files].filter(([name]) => name.endsWith('.cedar')).map(([, source]) => source);
  const checked = checkPolicies(cedarFiles, { schema, directory, targets: targets?.targets ?? null });
  problems.push(...checked.problems);

  if (problems.length > 0 || number === null || directory === null || targets === null || schema === null) {
    return { digest, problems, policy: null };
  }
  const { policies } = checked;
  const policy = createPolicy({ bundle: { digest, number }, directory, targets: targets.targets, schema, policies });
  problems.push(...quorumFaults(policy, cedarFiles));
  return { digest, problems, policy: problems.length > 0 ? null : withQuorumFloor(policy) };
}

function loadBundleFile(source: SourceFile): Loaded<number> {
  const yaml = readYaml(source, bundleFileSchema);
  if (yaml.value === null) return { ok: false, problems: yaml.problems };
  const { number, previous } = yaml.value;
  if ((number === 1) === (previous === null)) return { ok: true, value: number };
  const message =
    number === 1
      ? 'bundle 1 is the first: its previous must be null'
      : `bundle ${String(number)} must name the digest of bundle ${String(number - 1)} as previous`;
  return { ok: false, problems: [yaml.problem(['previous'], message)] };
}

function checkOwners(loaded: LoadedTargets, directory: Directory): Problem[] {
  const ids = directory.people().map((person) => person.id);
  return loaded.targets.flatMap((target, index) =>
    target.owners.flatMap((owner, position) => {
      if (ids.includes(owner)) return [];
      const message = `target "${target.name}" is owned by "${owner}", who is not among the people; ${suggest(owner, ids, 'the directory')}`;
      return [loaded.problem(index, ['owners', position], message)];
    }),
  );
}
