import { Refusal } from '../core/errors.js';
import type { Agent, Barred, Directory, Person, Provenance } from './directory.js';
import { groupsAt, holdingAt, type Delegation } from './delegations.js';
import type { OnCallSettings } from './oncall/catalog.gen.js';
import type { Place } from './places.js';
import { isQuietAt } from './quiet-hours.js';

/** The entries of a directory that was checked: every name in it is defined. */
export interface DirectoryEntries {
  people: readonly Person[];
  groups: Readonly<Record<string, readonly string[]>>;
  agents: readonly Agent[];
  /** The group whose people may unfreeze agents. Default: nobody may. */
  unfreeze?: string | undefined;
  /** Places by name. Default: none. */
  places?: Readonly<Record<string, Place>> | undefined;
  /** Who holds whose places while they are away. Default: nobody. */
  delegations?: readonly Delegation[] | undefined;
  /** Where it stands who of a group is on call. Default: nowhere. */
  onCall?: Readonly<Record<string, readonly OnCallSettings[]>> | undefined;
}

/** Answers questions about checked entries. An unknown person is their own human, in no group. */
export function createDirectory(entries: DirectoryEntries): Directory {
  const people = new Map(entries.people.map((person) => [person.id, person]));
  const agents = new Map(entries.agents.map((agent) => [agent.id, agent]));
  const bySubject = new Map(entries.people.map((person) => [person.oidcSubject, person]));
  const bySlack = new Map(
    entries.people.flatMap((person) =>
      person.slack ? [[slackKey(person.slack.teamId, person.slack.userId), person]] : [],
    ),
  );
  const byTeams = new Map(entries.people.flatMap((person) => (person.teams ? [[teamsKey(person.teams), person]] : [])));
  const byToken = new Map(
    entries.agents.flatMap((agent) => (agent.jwt ? [[tokenKey(agent.jwt.issuer, agent.jwt.subject), agent]] : [])),
  );
  const places = new Map(Object.entries(entries.places ?? {}));
  const onCall = new Map(Object.entries(entries.onCall ?? {}));
  const canonicalOf = canonicalIds(entries.people);
  const canonical = (id: string): string => canonicalOf.get(id) ?? id;

  const members = new Map<string, string[]>();
  const groups = new Map<string, Set<string>>();
  for (const [group, ids] of Object.entries(entries.groups)) {
    const humans = [...new Set(ids.map(canonical))].sort();
    members.set(group, humans);
    for (const human of humans) groups.set(human, (groups.get(human) ?? new Set()).add(group));
  }

  const directory: Directory = {
    agent: (id) => agents.get(id),
    agentKey(id) {
      const publicKey = agents.get(id)?.publicKey;
      return publicKey === undefined ? undefined : { keyid: `agent/${id}`, publicKey };
    },
    signsByIntake: (id) => agents.get(id)?.jwt !== undefined,
    agentByToken: (issuer, subject) => byToken.get(tokenKey(issuer, subject)),
    mayPrompt: (agentId, personId) =>
      agents.get(agentId)?.prompters.some((prompter) => canonical(prompter) === canonical(personId)) === true,
    agents: () => [...entries.agents],
    people: () => [...entries.people],
    groups: () => [...members.keys()].sort(),
    person: (id) => people.get(id),
    personByOidcSubject: (subject) => bySubject.get(subject),
    personBySlack: (teamId, userId) => bySlack.get(slackKey(teamId, userId)),
    personByTeams: (tenantId, aadObjectId) => byTeams.get(teamsKey({ tenantId, aadObjectId })),
    canonical,
    groupsOf: (id) => [...(groups.get(canonical(id)) ?? [])].sort(),
    membersOf: (group) => [...(members.get(group) ?? [])],
    hasGroup: (group) => members.has(group),
    at(atMs, barred) {
      const { delegations = [] } = entries;
      const now = groupsAt(entries.groups, delegations, { atMs, barred: new Set(barred), canonical });
      return now === entries.groups ? directory : createDirectory({ ...entries, groups: now, delegations: [] });
    },
    standsInFor: (id, atMs) => giversTo(canonical(id), holdingAt(entries.delegations ?? [], atMs), canonical),
    inQuietHours: (id, atMs) =>
      entries.people.some((entry) => canonical(entry.id) === canonical(id) && isQuietAt(entry.quietHours, atMs)),
    unfreezeGroup: () => entries.unfreeze ?? null,
    mayUnfreeze: (id, agentId) => mayUnfreeze(directory, canonical(id), agentId),
    places: () => [...places.keys()].sort(),
    place: (name) => places.get(name),
    onCallSources: (group) => onCall.get(group) ?? [],
    barredFor(agentId, provenance = null) {
      const agent = agents.get(agentId);
      // An empty list would read as "nobody is barred".
      if (agent === undefined) throw new Refusal('agent_unknown', `The directory has no agent "${agentId}".`);
      return barredBy(agent, provenance, canonical);
    },
  };
  return directory;
}

function mayUnfreeze(directory: Directory, human: string, agentId: string | null): boolean {
  const group = directory.unfreezeGroup();
  if (group === null || !directory.groupsOf(human).includes(group)) return false;
  if (agentId === null) return true;
  // Of an agent that is not listed nobody knows whose it is.
  if (directory.agent(agentId) === undefined) return false;
  return directory.barredFor(agentId).every(({ person }) => person !== human);
}

function giversTo(person: string, delegations: readonly Delegation[], canonical: (id: string) => string): string[] {
  return delegations.flatMap(({ from, to }) => (canonical(to) === person ? [canonical(from)] : []));
}

function barredBy(agent: Agent, provenance: Provenance | null, canonical: (id: string) => string): Barred[] {
  const { prompters = [], schedulers = [] } = provenance ?? {};
  const listed = new Set(agent.prompters.map(canonical));
  // One prompter whom the directory does not list (any more) is a doubt: then everyone is barred.
  const isProven = prompters.length > 0 && prompters.every((id) => listed.has(canonical(id)));
  const deeds = new Map<string, Deeds>();
  const note = (ids: readonly string[], to: keyof Deeds, verb: string): void => {
    for (const id of new Set(ids)) {
      const known = deeds.get(id) ?? { agent: [], action: [] };
      known[to].push(verb);
      deeds.set(id, known);
    }
  };
  note([agent.owner], 'agent', 'owns');
  if (!isProven) note(agent.prompters, 'agent', 'may prompt');
  note(prompters, 'action', 'prompted');
  note(schedulers, 'action', 'scheduled');
  const reasons = new Map<string, string>();
  for (const [id, done] of deeds) {
    const human = canonical(id);
    const deed = describe(done, agent.id);
    // Their own entry says it best; for several aliases the first reason is enough.
    if (id === human) reasons.set(human, deed);
    else if (!reasons.has(human)) reasons.set(human, `alias of ${id}, who ${deed}`);
  }
  return [...reasons]
    .map(([person, because]) => ({ person, because: because.slice(0, REASON_CHARS) }))
    .sort((a, b) => (a.person < b.person ? -1 : 1));
}

/** What bars a person: verbs about the agent, and about this action. */
interface Deeds {
  agent: string[];
  action: string[];
}

/** As many as a signed plan holds. */
const REASON_CHARS = 200;

function describe({ agent, action }: Deeds, agentId: string): string {
  const parts = [
    ...(agent.length === 0 ? [] : [`${agent.join(' and ')} agent ${agentId}`]),
    ...(action.length === 0 ? [] : [`${action.join(' and ')} this action`]),
  ];
  return parts.join(' and ');
}

/** Aliases work both ways and through each other; the smallest id names the human. */
function canonicalIds(people: readonly Person[]): Map<string, string> {
  const linked = new Map<string, Set<string>>(people.map((person) => [person.id, new Set()]));
  for (const person of people) {
    for (const alias of person.aliases) {
      linked.get(person.id)?.add(alias);
      linked.get(alias)?.add(person.id);
    }
  }
  const canonical = new Map<string, string>();
  for (const id of [...linked.keys()].sort()) {
    if (canonical.has(id)) continue;
    const waiting = [id];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (canonical.has(next)) continue;
      canonical.set(next, id);
      waiting.push(...(linked.get(next) ?? []));
    }
  }
  return canonical;
}

function tokenKey(issuer: string, subject: string): string {
  // Names of issuers hold no slash.
  return `${issuer}/${subject}`;
}

function slackKey(teamId: string, userId: string): string {
  return `${teamId}/${userId}`;
}

function teamsKey({ tenantId, aadObjectId }: NonNullable<Person['teams']>): string {
  return `${tenantId}/${aadObjectId}`;
}
