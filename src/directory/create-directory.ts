import { Refusal } from '../core/errors.js';
import type { Agent, Barred, Directory, Person } from './directory.js';

/** The entries of a directory that was checked: every name in it is defined. */
export interface DirectoryEntries {
  people: readonly Person[];
  groups: Readonly<Record<string, readonly string[]>>;
  agents: readonly Agent[];
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
  const canonicalOf = canonicalIds(entries.people);
  const canonical = (id: string): string => canonicalOf.get(id) ?? id;

  const members = new Map<string, string[]>();
  const groups = new Map<string, Set<string>>();
  for (const [group, ids] of Object.entries(entries.groups)) {
    const humans = [...new Set(ids.map(canonical))].sort();
    members.set(group, humans);
    for (const human of humans) groups.set(human, (groups.get(human) ?? new Set()).add(group));
  }

  return {
    agent: (id) => agents.get(id),
    agentKey(id) {
      const agent = agents.get(id);
      return agent && { keyid: `agent/${agent.id}`, publicKey: agent.publicKey };
    },
    agents: () => [...entries.agents],
    people: () => [...entries.people],
    groups: () => [...members.keys()].sort(),
    person: (id) => people.get(id),
    personByOidcSubject: (subject) => bySubject.get(subject),
    personBySlack: (teamId, userId) => bySlack.get(slackKey(teamId, userId)),
    canonical,
    groupsOf: (id) => [...(groups.get(canonical(id)) ?? [])].sort(),
    membersOf: (group) => [...(members.get(group) ?? [])],
    hasGroup: (group) => members.has(group),
    barredFor(agentId) {
      const agent = agents.get(agentId);
      // An empty list would read as "nobody is barred".
      if (agent === undefined) throw new Refusal('agent_unknown', `The directory has no agent "${agentId}".`);
      return barredBy(agent, canonical);
    },
  };
}

function barredBy(agent: Agent, canonical: (id: string) => string): Barred[] {
  const roles = new Map<string, string[]>([[agent.owner, ['owns']]]);
  for (const prompter of new Set(agent.prompters)) {
    roles.set(prompter, [...(roles.get(prompter) ?? []), 'may prompt']);
  }
  const reasons = new Map<string, string>();
  for (const [id, verbs] of roles) {
    const human = canonical(id);
    const deed = `${verbs.join(' and ')} agent ${agent.id}`;
    // Their own entry says it best; for several aliases the first reason is enough.
    if (id === human) reasons.set(human, deed);
    else if (!reasons.has(human)) reasons.set(human, `alias of ${id}, who ${deed}`);
  }
  return [...reasons].map(([person, because]) => ({ person, because })).sort((a, b) => (a.person < b.person ? -1 : 1));
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

function slackKey(teamId: string, userId: string): string {
  return `${teamId}/${userId}`;
}
