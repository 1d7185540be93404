import type { Context, EntityJson, EntityUidJson, TypeAndId } from './cedar.js';
import type { Flag, Severity } from '../core/schemas/action.js';
import type { Agent, Directory } from '../directory/directory.js';
import { targetKinds } from '../targets/catalog.gen.js';
import { kindOf, type Target } from '../targets/targets.js';

/** What policy can be asked: see docs/adr/0003-cedar-questions.md. */
export type Question = 'request' | 'review' | 'approve';

const SEVERITY_RANK: Record<Severity, number> = { info: 0, low: 1, medium: 2, high: 3, critical: 4 };

/** The Cedar action of a question about an operation. */
export function actionFor(question: Question, operation: string): string {
  return question === 'review' ? operation : `${question}:${operation}`;
}

export function uid(type: string, id: string): TypeAndId {
  return { type, id };
}

export function resourceUid(target: Target): TypeAndId {
  return uid(kindOf(target).cedarType, target.name);
}

export function resourceEntity(target: Target): EntityJson {
  return { uid: resourceUid(target), attrs: {}, parents: [uid('Environment', target.environment)] };
}

/** A human; policy never sees their aliases. */
export function personEntity(directory: Directory, personId: string): EntityJson {
  const parents = directory.groupsOf(personId).map((group) => uid('Group', group));
  return { uid: uid('Person', directory.canonical(personId)), attrs: {}, parents };
}

/** The agent, and the people its attributes name. */
export function agentEntities(directory: Directory, agent: Agent): EntityJson[] {
  const humans = new Set([agent.owner, ...agent.prompters].map((id) => directory.canonical(id)));
  const prompters = [...new Set(agent.prompters.map((id) => directory.canonical(id)))];
  const self: EntityJson = {
    uid: uid('Agent', agent.id),
    attrs: {
      owner: { __entity: uid('Person', directory.canonical(agent.owner)) },
      prompters: prompters.map((id) => ({ __entity: uid('Person', id) })),
    },
    parents: [...new Set(agent.groups)].map((group) => uid('AgentGroup', group)),
  };
  return [self, ...[...humans].map((id) => personEntity(directory, id))];
}

/** Every entity that can ever be sent. */
export function allEntities(directory: Directory, targets: readonly Target[]): EntityJson[] {
  const humans = new Set(directory.people().map((person) => directory.canonical(person.id)));
  return [
    ...[...humans].map((id) => personEntity(directory, id)),
    ...directory.agents().flatMap((agent) => agentEntities(directory, agent).slice(0, 1)),
    ...targets.map(resourceEntity),
  ];
}

/** Ids that policies may name, by entity type. */
export function knownIds(directory: Directory, targets: readonly Target[]): Map<string, Set<string>> {
  const known = new Map<string, Set<string>>([
    ['Agent', new Set(directory.agents().map((agent) => agent.id))],
    ['AgentGroup', new Set(directory.agents().flatMap((agent) => agent.groups))],
    ['Person', new Set(directory.people().map((person) => directory.canonical(person.id)))],
    ['Group', new Set(directory.groups())],
    ['Environment', new Set(targets.map((target) => target.environment))],
  ]);
  for (const { cedarType } of targetKinds) known.set(cedarType, new Set());
  for (const target of targets) known.get(kindOf(target).cedarType)?.add(target.name);
  return known;
}

/** What the review and approve questions say of the flags: their codes, and the rank of the worst (0 for none). */
export function flagContext(flags: readonly Flag[]): Context {
  return {
    flags: [...new Set(flags.map((flag) => flag.code))],
    severity: Math.max(0, ...flags.map((flag) => SEVERITY_RANK[flag.severity])),
  };
}

export function approveContext(agent: EntityUidJson, flags: readonly Flag[]): Context {
  return { ...flagContext(flags), agent: { __entity: agent as TypeAndId } };
}

/** A context of the shape that a question sends. */
export function sampleContext(question: Question): Context {
  if (question === 'request') return {};
  const flags: Flag[] = [{ code: 'sample', severity: 'info', sentence: '' }];
  return question === 'review' ? flagContext(flags) : approveContext(uid('Agent', 'sample'), flags);
}
