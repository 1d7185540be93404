import { ed25519 } from '@noble/curves/ed25519.js';
import { base64 } from '@scure/base';
import { z } from 'zod';
import { nameSchema } from '../core/schemas/primitives.js';
import { LIFTERS_OF_A_PERSONS_FREEZE } from '../record/freezes.js';
import { createDirectory } from './create-directory.js';
import { checkDelegations, delegationsSchema } from './delegations.js';
import { agentSchema, personSchema, type Directory } from './directory.js';
import { suggest } from './nearest.js';
import { checkPlaces, placesSchema } from './places.js';
import { checkOnCall, onCallSchema } from './oncall/check-on-call.js';
import { readYaml, type Problem, type SourceFile, type YamlSource } from './yaml-source.js';

/** `directory.yaml`: people, groups of people, agents. */
const directoryFileSchema = z.strictObject({
  people: z.array(personSchema).min(1).max(5_000),
  /** People by group. Groups hold people only, never groups. */
  groups: z.record(nameSchema, z.array(nameSchema).max(1_000)),
  agents: z.array(agentSchema).max(2_000),
  /** The group whose people may unfreeze agents. Absent: nobody may. */
  unfreeze: nameSchema.optional(),
  /** Where people can be told, by the name that policy calls it. */
  places: placesSchema,
  /** Who holds whose places while they are away. */
  delegations: delegationsSchema,
  /** Who of a group is asked first. */
  onCall: onCallSchema,
});
type DirectoryFile = z.infer<typeof directoryFileSchema>;

/** What came of reading a file: either it is whole, or every problem in it is listed. */
export type Loaded<T> = { ok: true; value: T } | { ok: false; problems: Problem[] };

type Checked = YamlSource<DirectoryFile>;

/** Reads `directory.yaml`. Never throws for what the file holds. */
export function loadDirectory(source: SourceFile): Loaded<Directory> {
  const yaml = readYaml(source, directoryFileSchema);
  const file = yaml.value;
  if (file === null) return { ok: false, problems: yaml.problems };
  const problems = [
    ...checkPeople(file, yaml),
    ...checkGroups(file, yaml),
    ...checkAgents(file, yaml),
    ...checkUnfreeze(file, yaml),
    ...checkPlaces(file.places, yaml),
    ...checkOnCall(file, yaml),
  ];
  if (problems.length > 0) return { ok: false, problems };
  const directory = createDirectory(file);
  const delegationProblems = checkDelegations(file, (id) => directory.canonical(id), yaml);
  return delegationProblems.length > 0 ? { ok: false, problems: delegationProblems } : { ok: true, value: directory };
}

function checkPeople(file: DirectoryFile, yaml: Checked): Problem[] {
  const ids = new Set(file.people.map((person) => person.id));
  const problems = [
    ...repeated(
      file.people,
      (person) => person.id,
      (index, person, first) =>
        yaml.problem(
          ['people', index, 'id'],
          `person "${person.id}" is listed twice (also as entry ${String(first + 1)}): remove one`,
        ),
    ),
    ...repeated(
      file.people,
      (person) => person.oidcSubject,
      (index, person, first) =>
        yaml.problem(
          ['people', index, 'oidcSubject'],
          `OIDC subject "${person.oidcSubject}" of "${person.id}" already belongs to "${idAt(file, first)}": a subject names one entry`,
        ),
    ),
    ...repeated(
      file.people,
      (person) => person.slack && `${person.slack.teamId}/${person.slack.userId}`,
      (index, person, first) =>
        yaml.problem(
          ['people', index, 'slack'],
          `the Slack identity of "${person.id}" already belongs to "${idAt(file, first)}": a Slack user names one entry`,
        ),
    ),
    ...repeated(
      file.people,
      (person) => person.teams && `${person.teams.tenantId}/${person.teams.aadObjectId}`,
      (index, person, first) =>
        yaml.problem(
          ['people', index, 'teams'],
          `the Teams identity of "${person.id}" already belongs to "${idAt(file, first)}": an account names one entry`,
        ),
    ),
    // The same mailbox under two ids is one human who could approve their own agent: the link must be written out.
    ...repeated(
      file.people,
      (person) => person.email.toLowerCase(),
      (index, person, first) =>
        yaml.problem(
          ['people', index, 'email'],
          `e-mail "${person.email}" of "${person.id}" already belongs to "${idAt(file, first)}": keep it in one entry and list the other under its aliases`,
        ),
    ),
  ];
  for (const [index, person] of file.people.entries()) {
    for (const [position, alias] of person.aliases.entries()) {
      const path = ['people', index, 'aliases', position];
      if (alias === person.id)
        problems.push(yaml.problem(path, `"${person.id}" is listed as an alias of itself: remove it`));
      else if (!ids.has(alias)) {
        problems.push(
          yaml.problem(
            path,
            `"${person.id}" has the alias "${alias}", who is not among the people; ${suggest(alias, ids, 'the directory')}`,
          ),
        );
      }
    }
  }
  return problems;
}

function checkGroups(file: DirectoryFile, yaml: Checked): Problem[] {
  const ids = new Set(file.people.map((person) => person.id));
  const problems: Problem[] = [];
  for (const [group, members] of Object.entries(file.groups)) {
    for (const [position, member] of members.entries()) {
      const path = ['groups', group, position];
      if (members.indexOf(member) !== position) {
        problems.push(yaml.problem(path, `group "${group}" lists "${member}" twice: remove one`));
      } else if (!ids.has(member)) {
        const why = Object.hasOwn(file.groups, member)
          ? `"${member}", which is a group: groups list people only`
          : `"${member}", who is not among the people; ${suggest(member, ids, 'the directory')}`;
        problems.push(yaml.problem(path, `group "${group}" lists ${why}`));
      }
    }
  }
  return problems;
}

function checkUnfreeze(file: DirectoryFile, yaml: Checked): Problem[] {
  const { unfreeze, groups } = file;
  if (unfreeze === undefined) return [];
  if (!Object.hasOwn(groups, unfreeze)) {
    const message = `unfreeze names group "${unfreeze}"; ${suggest(unfreeze, Object.keys(groups), 'the directory')}`;
    return [yaml.problem(['unfreeze'], message)];
  }
  const humans = new Set((groups[unfreeze] ?? []).map((id) => createDirectory(file).canonical(id)));
  if (humans.size >= LIFTERS_OF_A_PERSONS_FREEZE) return [];
  const held = humans.size === 0 ? 'nobody' : '1 person';
  const message =
    `unfreeze names group "${unfreeze}", which holds ${held} (aliases count once): two people lift what a person froze; ` +
    'add people, or leave unfreeze out';
  return [yaml.problem(['unfreeze'], message)];
}

function checkAgents(file: DirectoryFile, yaml: Checked): Problem[] {
  const ids = new Set(file.people.map((person) => person.id));
  const problems = [
    ...repeated(
      file.agents,
      (agent) => agent.id,
      (index, agent, first) =>
        yaml.problem(
          ['agents', index, 'id'],
          `agent "${agent.id}" is listed twice (also as entry ${String(first + 1)}): remove one`,
        ),
    ),
    ...repeated(
      file.agents,
      (agent) => (agent.publicKey === undefined ? undefined : keyHex(agent.publicKey)),
      (index, agent, first) =>
        yaml.problem(
          ['agents', index, 'publicKey'],
          `agent "${agent.id}" has the public key of "${file.agents[first]?.id ?? ''}": each agent needs a key of its own`,
        ),
    ),
    // Whatever the audience: a token may name several, and must still be one agent's.
    ...repeated(
      file.agents,
      (agent) => agent.jwt && `${agent.jwt.issuer}/${agent.jwt.subject}`,
      (index, agent, first) =>
        yaml.problem(
          ['agents', index, 'jwt'],
          `agent "${agent.id}" has the token identity of "${file.agents[first]?.id ?? ''}": issuer and subject name one agent`,
        ),
    ),
  ];
  for (const [index, agent] of file.agents.entries()) {
    if ((agent.publicKey === undefined) === (agent.jwt === undefined)) {
      const what = agent.jwt === undefined ? 'neither a publicKey nor a jwt' : 'both a publicKey and a jwt';
      problems.push(yaml.problem(['agents', index, 'jwt'], `agent "${agent.id}" has ${what}: give it exactly one`));
    }
    const keyFault = agent.publicKey === undefined ? null : publicKeyFault(agent.publicKey);
    if (keyFault !== null) {
      problems.push(yaml.problem(['agents', index, 'publicKey'], `the public key of agent "${agent.id}" ${keyFault}`));
    }
    if (!ids.has(agent.owner)) {
      problems.push(
        yaml.problem(
          ['agents', index, 'owner'],
          `agent "${agent.id}" is owned by "${agent.owner}", who is not among the people; ${suggest(agent.owner, ids, 'the directory')}`,
        ),
      );
    }
    for (const [position, prompter] of agent.prompters.entries()) {
      if (ids.has(prompter)) continue;
      problems.push(
        yaml.problem(
          ['agents', index, 'prompters', position],
          `agent "${agent.id}" is prompted by "${prompter}", who is not among the people; ${suggest(prompter, ids, 'the directory')}`,
        ),
      );
    }
  }
  return problems;
}

/** Why a text is not a usable Ed25519 public key; null when it is one. */
function publicKeyFault(text: string): string | null {
  const hex = keyHex(text);
  if (hex === undefined) return 'is not base64';
  if (hex.length !== 64)
    return `has ${String(hex.length / 2)} bytes; an Ed25519 public key has 32 (raw, without the SPKI prefix)`;
  try {
    // Under a small-order key anyone can sign.
    if (!ed25519.Point.fromHex(hex).isSmallOrder()) return null;
  } catch {
    // Not a point on the curve: said below.
  }
  return 'is not a valid Ed25519 key: generate a new pair';
}

function keyHex(text: string): string | undefined {
  try {
    return Buffer.from(base64.decode(text)).toString('hex');
  } catch {
    return undefined;
  }
}

function idAt(file: DirectoryFile, index: number): string {
  return file.people[index]?.id ?? '';
}

/** One problem for each entry whose key an earlier entry already has. */
function repeated<T>(
  entries: readonly T[],
  keyOf: (entry: T) => string | undefined,
  problemOf: (index: number, entry: T, first: number) => Problem,
): Problem[] {
  const seen = new Map<string, number>();
  const problems: Problem[] = [];
  for (const [index, entry] of entries.entries()) {
    const key = keyOf(entry);
    if (key === undefined) continue;
    const first = seen.get(key);
    if (first === undefined) seen.set(key, index);
    else problems.push(problemOf(index, entry, first));
  }
  return problems;
}
