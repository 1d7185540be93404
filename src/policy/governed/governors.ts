import { z } from 'zod';
import { canonicalJson } from '../../core/json.js';
import { delegationsSchema } from '../../directory/delegations.js';
import { readYaml } from '../../directory/yaml-source.js';
import { readPlan } from '../annotations.js';
import { concerns, rulesOf } from '../compare/rules.js';
import type { LoadedBundle } from './bundle-document.js';

/** Who decides on an operation, by what is written down alone: no case is asked, so that none can be left out. */
export interface Governors {
  /** Groups that its plans name. */
  groups: ReadonlySet<string>;
  /** Their members, by every entry of the directory. */
  people: ReadonlySet<string>;
  /** Ids of the rules that bear on it. */
  rules: ReadonlySet<string>;
  /** The delegations of those members: equal texts for equal ones. */
  delegations: string;
}

/** Of the operation named, under one bundle. */
export function governorsOf({ policy: { directory }, files }: LoadedBundle, operation: string): Governors {
  const bearing = [...rulesOf({ files }).values()].filter((rule) =>
    (['request', 'review', 'approve'] as const).some((question) => concerns(rule, question, operation)),
  );
  const plans = bearing
    .filter((rule) => rule.effect === 'permit' && concerns(rule, 'review', operation))
    .flatMap(({ id, annotations }) => readPlan(id, annotations, directory).plan ?? []);
  const groups = new Set(
    plans.flatMap(({ stages, escalations }) => [...stages, ...escalations]).map(({ group }) => group),
  );
  const humans = new Set([...groups].flatMap((group) => directory.membersOf(group)));
  const people = new Set(
    directory
      .people()
      .map(({ id }) => id)
      .filter((id) => humans.has(directory.canonical(id))),
  );
  const delegations = delegationsIn(files).filter(({ from }) => people.has(from));
  const rules = new Set(bearing.map(({ id }) => id));
  return { groups, people, rules, delegations: canonicalJson(delegations.map((each) => canonicalJson(each)).sort()) };
}

function delegationsIn(files: LoadedBundle['files']): z.infer<typeof delegationsSchema> {
  const source = files.get('directory.yaml');
  if (source === undefined) return [];
  return readYaml(source, z.object({ delegations: delegationsSchema }).loose()).value?.delegations ?? [];
}
