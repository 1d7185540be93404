import { formatProblem } from '../../../src/directory/yaml-source.js';
import { checkBundle } from '../../../src/policy/load-bundle.js';
import { failed, ok, skipped, type Finding } from './finding.js';

/** The bundle loads, and is the one that configuration pins. */
export async function checkPolicy(dir: string | undefined, pinned: string | undefined): Promise<Finding[]> {
  if (dir === undefined) return [skipped('Policy', 'COUNTERSIGN_POLICY_DIR')];
  try {
    const { digest, problems, policy } = await checkBundle(dir);
    const [first] = problems;
    if (policy === null || first !== undefined) {
      const found = `${dir} does not load: ${first === undefined ? 'no reason given' : formatProblem(first)}`;
      return [failed('Policy', found, `See all problems: countersign policy check ${dir}`)];
    }
    const loads = ok('Policy', `bundle ${String(policy.bundle.number)} loads`);
    if (pinned === undefined) return [loads, skipped('Policy: pin', 'COUNTERSIGN_POLICY_DIGEST')];
    if (digest === pinned) return [loads, ok('Policy: pin', 'it is the pinned one')];
    const advice = 'Restore the pinned bundle; or, if the change is meant, review it and pin the new digest.';
    return [loads, failed('Policy: pin', `the bundle has digest ${digest}, pinned is ${pinned}`, advice)];
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return [failed('Policy', message, 'Mend COUNTERSIGN_POLICY_DIR.')];
  }
}
