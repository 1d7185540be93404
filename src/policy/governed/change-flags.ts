import type { Flag } from '../../core/schemas/action.js';
import type { BundleComparison, PartChange } from '../compare/comparison.js';
import type { LoadedBundle } from './bundle-document.js';
import { governorsOf, type Governors } from './governors.js';
import { POLICY_CHANGE, POLICY_STORE } from './quorum-floor.js';

/** The codes of all risks that are found here. */
export const CHANGE_CODES: readonly string[] = [
  'governance_changed',
  'policy_loosened',
  'approval_rights_changed',
  'policy_tightened',
];

/**
 * The risks of a change of policy, out of what the two bundles mean. What is not shown to be no loosening is one. The
 * preview finds them, the executor again, and every process once more before it takes the bundle.
 */
export function changeFlags(comparison: BundleComparison, before: LoadedBundle, after: LoadedBundle): Flag[] {
  const flags: Flag[] = [];
  const add = (code: string, severity: Flag['severity'], sentence: string): void => {
    flags.push({ code, severity, sentence: sentence.slice(0, 500) });
  };
  const { effect, because, approving } = comparison;
  const governing = governingChanges(comparison, before, after);
  if (governing.length > 0)
    add('governance_changed', 'critical', `It changes who decides on policy itself: ${governing.join('; ')}.`);
  if (effect === 'loosening' || effect === 'both')
    add('policy_loosened', 'high', `It loosens policy: ${because[0] ?? 'see what differs'}`);
  const gained = [...new Set(approving.flatMap((change) => change.gained))].sort();
  const lost = [...new Set(approving.flatMap((change) => change.lost))].sort();
  if (approving.length > 0)
    add(
      'approval_rights_changed',
      gained.length > 0 ? 'high' : 'medium',
      `Who may approve changes: ${listed(gained)} may approve more, ${listed(lost)} less.`,
    );
  if (effect === 'tightening' || effect === 'both') add('policy_tightened', 'info', 'It tightens policy.');
  return flags;
}

/** What of a change bears on changes of policy themselves. */
function governingChanges(comparison: BundleComparison, before: LoadedBundle, after: LoadedBundle): string[] {
  const isOurs = ({ operation }: { operation: string }): boolean => operation === POLICY_CHANGE;
  const stores = new Set([before, after].flatMap(({ policy }) => storesOf(policy)));
  const authors = new Set([before, after].flatMap(({ policy }) => authorsOf(policy)));
  const found: string[] = [];
  if (comparison.approving.some(isOurs)) found.push('who may approve such a change');
  if (comparison.demands.some(isOurs)) found.push('how many people it needs');
  if (comparison.asking.some(isOurs)) found.push('who may ask for one');
  if (comparison.rules.some((rule) => `${rule.before ?? ''}${rule.after ?? ''}`.includes(POLICY_CHANGE)))
    found.push('a rule that names it');
  if (comparison.parts.some(({ part, name }) => part === 'targets' && stores.has(name)))
    found.push('where policy lies');
  if (comparison.parts.some(({ part, name }) => part === 'agents' && authors.has(name)))
    found.push('an author of policy');
  const governors = [before, after].map((side) => governorsOf(side, POLICY_CHANGE));
  if (comparison.parts.some((change) => governors.some((each) => concernsGovernor(change, each))))
    found.push('a person or a group that decides on such a change');
  // What is not told above may be in what was not compared.
  if (!comparison.exhaustive && comparison.parts.some(({ part }) => part === 'groups' || part === 'schema'))
    found.push('perhaps who may approve such a change: there are more cases than could be compared');
  if (!comparison.exhaustive && comparison.rules.some(({ id }) => governors.some(({ rules }) => rules.has(id))))
    found.push('a rule that bears on such a change');
  if (governors[0]?.delegations !== governors[1]?.delegations)
    found.push('who stands in for somebody who decides on such a change');
  return found;
}

/** Whoever becomes such a person, in whatever way, has their place: also by their accounts, or as another entry of theirs. */
function concernsGovernor({ part, name, effect }: PartChange, { groups, people }: Governors): boolean {
  if (effect === 'neutral') return false;
  return (part === 'groups' && groups.has(name)) || (part === 'people' && people.has(name));
}

function storesOf(policy: LoadedBundle['policy']): string[] {
  return policy
    .targets()
    .filter(({ kind }) => kind === POLICY_STORE)
    .map(({ name }) => name);
}

function authorsOf(policy: LoadedBundle['policy']): string[] {
  const stores = policy.targets().filter(({ kind }) => kind === POLICY_STORE);
  return policy.directory
    .agents()
    .map(({ id }) => id)
    .filter((agent) =>
      stores.some(
        ({ kind, name, environment }) =>
          policy.mayRequest({
            agent,
            operation: POLICY_CHANGE,
            target: { kind, name, environment },
            flags: [],
            nowMs: 0,
          }).allowed,
      ),
    );
}

function listed(people: readonly string[]): string {
  if (people.length === 0) return 'nobody';
  const shown = people.slice(0, 10).join(', ');
  return people.length > 10 ? `${shown} and ${String(people.length - 10)} more` : shown;
}
