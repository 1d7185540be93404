import type { Flag } from '../../core/schemas/action.js';
import type { PostgresTarget } from '../../targets/postgres.js';
import { flag, listNames, productionFlag, unusualHourFlag } from '../common-flags.js';
import { looksPersonal } from '../database-export/flags.js';
import type { EffectiveChange, Pair } from './effective.js';
import { PUBLIC, type Change } from './params.js';
import { isPredefined } from './roles.js';
import { keyOf, type State } from './state.js';

export interface GrantFlagInput {
  before: State;
  after: State;
  changes: readonly Change[];
  effective: EffectiveChange;
  target: Pick<PostgresTarget, 'name' | 'environment' | 'hours'>;
  /** Earlier finished changes of this agent on this target. */
  pastChanges: number;
  nowMs: number;
}

const WRITES = new Set(['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'CREATE', 'TRIGGER', 'MAINTAIN']);

/** The risks of changed privileges, for policy and people. At most one flag of each code. */
export function findGrantFlags(input: GrantFlagInput): Flag[] {
  const { target, effective, changes, nowMs } = input;
  const { allowed, lost } = effective;
  const flags: (Flag | null)[] = [
    predefinedRoles(allowed),
    toPublic(allowed),
    personalData(input),
    passedOn(changes),
    someFlag(
      'write_privileges',
      'medium',
      'Newly allows to write',
      allowed.filter(({ privilege }) => WRITES.has(privilege)).map(({ object }) => object),
    ),
    definers(input),
    someFlag(
      'all_tables',
      'medium',
      'Is about all tables of schema',
      changes.flatMap((change) => ('on' in change && change.on.kind === 'all_tables' ? [change.on.schema] : [])),
    ),
    someFlag(
      'new_login',
      'medium',
      'Creates a role that may log in',
      changes.flatMap((change) => (change.do === 'create_role' && change.login === true ? [change.role] : [])),
    ),
    someFlag(
      'role_dropped',
      'medium',
      'Drops',
      changes.flatMap((change) => (change.do === 'drop_role' ? [change.role] : [])),
    ),
    someFlag(
      'access_lost',
      'low',
      'Takes privileges from',
      lost.map(({ role }) => role),
    ),
    productionFlag(target, 'database'),
    unusualHourFlag(target, nowMs),
    input.pastChanges > 0
      ? null
      : flag('first_time', 'info', `This agent has not changed privileges on ${target.name} before.`),
  ];
  return flags.filter((found) => found !== null);
}

function someFlag(code: string, severity: Flag['severity'], sentence: string, names: readonly string[]): Flag | null {
  const distinct = [...new Set(names)];
  return distinct.length === 0 ? null : flag(code, severity, `${sentence}: ${listNames(distinct)}.`);
}

// Some of these read or write files of the server, run programs there, or end others' sessions: no list of privileges tells what comes of it.
function predefinedRoles(allowed: readonly Pair[]): Flag | null {
  const roles = allowed.map(({ object }) => object.replace(/^predefined role /, '')).filter(isPredefined);
  return someFlag('predefined_role', 'critical', "Gives the rights of PostgreSQL's own roles", roles);
}

function toPublic(allowed: readonly Pair[]): Flag | null {
  const pairs = allowed.filter(({ role }) => role === PUBLIC);
  const severity = pairs.some(({ privilege }) => WRITES.has(privilege)) ? 'critical' : 'high';
  return someFlag(
    'to_public',
    severity,
    'Gives privileges to everyone',
    pairs.map(({ object, privilege }) => `${privilege} on ${object}`),
  );
}

function passedOn(changes: readonly Change[]): Flag | null {
  const found = changes.flatMap((change) => {
    if (change.do === 'grant' && change.grantOption === true) return [`${change.to} (GRANT OPTION)`];
    if (change.do === 'grant_membership' && change.admin === true)
      return [`${change.to} (ADMIN OPTION on ${change.role})`];
    return [];
  });
  return someFlag('may_pass_on', 'high', 'Lets others be given the same without a review, by', found);
}

function personalData({ before, effective }: GrantFlagInput): Flag | null {
  const readable = effective.allowed.filter(({ privilege }) => privilege === 'SELECT');
  const objects = new Set(readable.map(({ object }) => object));
  const columns = before.objects.flatMap((table) =>
    table.columns
      .filter(({ name, comment }) => looksPersonal(name, comment))
      .filter(({ name }) => objects.has(keyOf(table)) || objects.has(keyOf(table, name)))
      .map(({ name }) => `${table.name}.${name}`),
  );
  const severity = readable.some(({ role }) => role === PUBLIC) ? 'critical' : 'high';
  return someFlag('personal_data', severity, 'Makes readable what looks like personal data or secrets', columns);
}

function definers({ before, effective }: GrantFlagInput): Flag | null {
  const objects = new Set(effective.allowed.map(({ object }) => object));
  const found = before.objects
    .filter((object) => object.definer && objects.has(keyOf(object)))
    .map((object) => keyOf(object));
  return someFlag('definer_function', 'high', "Allows to run with their owner's rights", found);
}
