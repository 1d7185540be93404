import * as cedar from '../cedar.js';
import { canonicalJson } from '../../core/json.js';
import type { TargetRef } from '../../core/schemas/action.js';
import { actionFor, type Question } from '../cedar-entities.js';
import { splitPolicies } from '../cedar-text.js';
import type { ComparableBundle } from './comparison.js';

/** One policy of a bundle, as Cedar reads it. */
export interface Rule {
  id: string;
  file: string;
  /** As written. */
  text: string;
  effect: 'permit' | 'forbid';
  annotations: Readonly<Record<string, string>>;
  json: cedar.PolicyJson;
  /** Equal for rules that mean the same, whatever they are called: scope and conditions, without annotations. */
  meaning: string;
}

/** All rules of a bundle that loads, by id. */
export function rulesOf({ files }: Pick<ComparableBundle, 'files'>): Map<string, Rule> {
  const rules = [...files]
    .filter(([name]) => name.endsWith('.cedar'))
    .flatMap(([file, { text }]) => splitPolicies(text).map((statement) => readRule(file, statement.text)));
  return new Map(rules.map((rule) => [rule.id, rule]));
}

function readRule(file: string, text: string): Rule {
  const answer = cedar.policyToJson(text);
  // The bundle has loaded: what it put in force was split and read the same way.
  if (answer.type === 'failure') throw new Error(`rulesOf: ${file} holds a policy that Cedar does not read`);
  const { annotations = {}, effect, ...rest } = answer.json;
  const meaning = canonicalJson({ effect, ...rest });
  return {
    id: annotations['id'] ?? '',
    file,
    text,
    effect,
    annotations: { ...annotations },
    json: answer.json,
    meaning,
  };
}

/** Whether the rule could say something to this question: its action is the question's, or all. */
export function concerns({ json: { action } }: Rule, question: Question, operation: string): boolean {
  if (action.op === 'All') return true;
  const named = 'entities' in action ? action.entities : 'entity' in action ? [action.entity] : [];
  const ids = named.map((entity) => bare(entity).id);
  return ids.includes(actionFor(question, operation)) || (action.op === 'in' && ids.includes(question));
}

/** What the conditions of rules look at, of what a preview finds. */
export interface Looks {
  /** Every text they name: codes of flags, and perhaps others, which does no harm. */
  codes: Set<string>;
  flags: boolean;
  severity: boolean;
}

/** What any of the rules looks at. */
export function looksOf(rules: readonly Rule[]): Looks {
  const looks: Looks = { codes: new Set(), flags: false, severity: false };
  for (const rule of rules) look(rule.json.conditions, looks);
  return looks;
}

function look(value: unknown, looks: Looks): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) look(item, looks);
    return;
  }
  const node = value as Readonly<Record<string, unknown>>;
  const access = node['.'] as { left?: { Var?: unknown }; attr?: unknown } | undefined;
  if (access?.left?.Var === 'context') {
    if (access.attr === 'flags') looks.flags = true;
    if (access.attr === 'severity') looks.severity = true;
    return;
  }
  if (node['Var'] === 'context') {
    // The context as a whole is compared with something.
    looks.flags = true;
    looks.severity = true;
  }
  if (typeof node['Value'] === 'string') looks.codes.add(node['Value']);
  for (const inner of Object.values(node)) look(inner, looks);
}

/**
 * Whether evaluating the rule could fail, which forbids everything that it is asked about: then it does more than it
 * says, and taking it away can let something through. Validation leaves overflow, and attributes of what is not sent.
 */
export function couldFail({ json }: Rule): boolean {
  return json.conditions.some(({ body }) => mayFail(body));
}

/** Operators that never fail on what strict validation has let through. */
const SAFE = new Set(
  '! == != in < <= > >= && || contains containsAll containsAny isEmpty has is like if-then-else'.split(' '),
);

function mayFail(expression: unknown): boolean {
  if (typeof expression !== 'object' || expression === null) return false;
  return Object.entries(expression).some(([operator, operands]: [string, unknown]) => {
    if (operator === 'Value' || operator === 'Var') return false;
    if (operator === '.') return !isSent((operands as { left: unknown }).left);
    if (operator === 'Set' || operator === 'Record') return Object.values(operands as object).some(mayFail);
    return !SAFE.has(operator) || Object.values(operands as object).some(mayFail);
  });
}

/** `context`, `principal`, `context.agent`: every question brings these along. */
function isSent(expression: unknown): boolean {
  const { Var: variable, '.': access } = expression as {
    Var?: unknown;
    '.'?: { left: { Var?: unknown }; attr: unknown };
  };
  return variable !== undefined || (access?.left.Var === 'context' && access.attr === 'agent');
}

/** Whether the scope of a rule leaves room for an agent's question about a target. */
export function reaches(
  { json: { principal, resource } }: Rule,
  agent: { id: string; groups: readonly string[] },
  target: TargetRef,
): boolean {
  const isAgent = (entity: cedar.EntityUidJson): boolean => {
    const { type, id } = bare(entity);
    if (type === 'Agent') return id === agent.id;
    return type === 'AgentGroup' && agent.groups.includes(id);
  };
  const isTarget = (entity: cedar.EntityUidJson): boolean => {
    const { type, id } = bare(entity);
    return type === 'Environment' ? id === target.environment : id === target.name;
  };
  return leavesRoom(principal, isAgent) && leavesRoom(resource, isTarget);
}

/** A scope that names nothing, or only a type, leaves room for everything. */
function leavesRoom(
  scope: cedar.PrincipalConstraint | cedar.ResourceConstraint,
  matches: (entity: cedar.EntityUidJson) => boolean,
): boolean {
  if (scope.op === '==' || scope.op === 'in') return !('entity' in scope) || matches(scope.entity);
  return scope.op !== 'is' || scope.in === undefined || !('entity' in scope.in) || matches(scope.in.entity);
}

function bare(entity: cedar.EntityUidJson): cedar.TypeAndId {
  return '__entity' in entity ? entity.__entity : entity;
}
