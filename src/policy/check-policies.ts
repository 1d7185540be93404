import { isDeepStrictEqual } from 'node:util';
import * as cedar from './cedar.js';
import type { Budget, ReviewPlan } from '../core/schemas/action.js';
import { nameSchema } from '../core/schemas/primitives.js';
import type { Directory } from '../directory/directory.js';
import { suggest } from '../directory/nearest.js';
import type { Target } from '../targets/targets.js';
import type { Problem, SourceFile } from '../directory/yaml-source.js';
import { PLAN_ANNOTATIONS, readPlan } from './annotations.js';
import { ACTIONS } from './budgets.js';
import { cedarProblems, type CheckedSchema } from './cedar-schema.js';
import { knownIds, type Question } from './cedar-entities.js';
import { splitPolicies, type CedarStatement } from './cedar-text.js';
import { nestingFaults } from './nesting.js';
import type { PermitBudgets } from './policy.js';

const CONTEXT_FLAGS = { '.': { left: { Var: 'context' }, attr: 'flags' } };

/** One policy and where it stands. */
interface Located extends CedarStatement {
  path: string;
  json: cedar.PolicyJson;
  annotations: Record<string, string>;
}

/** Policies that may be put in force. */
export interface CheckedPolicies {
  /** Text by `@id`. */
  texts: Record<string, string>;
  /** What each permit of the review question demands. */
  plans: Map<string, ReviewPlan>;
  /** Permits with a budget, each with the operations that it is about. */
  budgets: PermitBudgets[];
}

export interface PolicyParts {
  /** Null where the part itself has problems: what depends on it is then not checked. */
  schema: CheckedSchema | null;
  directory: Directory | null;
  targets: readonly Target[] | null;
}

/** Checks all `*.cedar` files of a bundle together. */
export function checkPolicies(
  sources: readonly SourceFile[],
  parts: PolicyParts,
): { policies: CheckedPolicies; problems: Problem[] } {
  const { schema, directory, targets } = parts;
  const read = sources.map(readFile);
  const problems = read.flatMap((file) => file.problems);
  const located = read.flatMap((file) => file.policies);
  if (located.length === 0 && problems.length === 0) {
    problems.push({ at: sources[0]?.path ?? '*.cedar', message: 'the bundle has no policy: nothing would be allowed' });
  }
  problems.push(...checkIds(located));
  const keyed = new Map(located.map((policy) => [keyOf(policy), policy]));
  if (schema !== null) problems.push(...validate(keyed, schema), ...checkFlagCodes(located, schema));
  if (directory !== null && targets !== null) problems.push(...checkNames(located, knownIds(directory, targets)));

  const plans = new Map<string, ReviewPlan>();
  const budgets: PermitBudgets[] = [];
  for (const policy of located) {
    const checked = checkAnnotations(policy, schema, directory);
    problems.push(...checked.problems);
    if (checked.plan === null) continue;
    const permit = policy.annotations['id'] ?? '';
    plans.set(permit, checked.plan);
    if (checked.plan.budgets === undefined || schema === null) continue;
    const operations = actionsOf(policy, schema).filter((name) => questionOf(name) === 'review');
    budgets.push({ permit, operations, budgets: checked.plan.budgets });
    problems.push(...checkUnits(policy, operations, checked.plan.budgets, schema));
  }
  const texts = Object.fromEntries(located.map((policy) => [policy.annotations['id'] ?? '', policy.text]));
  return { policies: { texts, plans, budgets }, problems };
}

function readFile(source: SourceFile): { policies: Located[]; problems: Problem[] } {
  const faults = nestingFaults(source, 'policies');
  if (faults.length > 0) return { policies: [], problems: faults };
  const parts = cedar.policySetTextToParts(source.text);
  if (parts.type === 'failure')
    return { policies: [], problems: cedarProblems(source.path, source.text, 1, parts.errors) };
  const statements = splitPolicies(source.text);
  const templates = statements.filter((statement) => parts.policy_templates.includes(statement.text));
  if (templates.length > 0 || parts.policy_templates.length > 0) {
    const lines = templates.length > 0 ? templates.map((statement) => statement.line) : [1];
    const message = 'is a template (it has ?principal or ?resource): write a policy for each case';
    return { policies: [], problems: lines.map((line) => ({ at: `${source.path}:${String(line)}`, message })) };
  }
  // What Cedar parsed is what is put in force: our own splitting only tells where it stands.
  const ours = statements.map((statement) => statement.text).sort();
  if (ours.join('\0') !== [...parts.policies].sort().join('\0')) {
    return {
      policies: [],
      problems: [{ at: source.path, message: 'its policies cannot be told apart: put each on lines of its own' }],
    };
  }
  const policies = statements.flatMap((statement) => {
    const answer = cedar.policyToJson(statement.text);
    if (answer.type === 'failure') return [];
    return [{ ...statement, path: source.path, json: answer.json, annotations: answer.json.annotations ?? {} }];
  });
  if (policies.length === statements.length) return { policies, problems: [] };
  return { policies: [], problems: [{ at: source.path, message: 'has a policy that Cedar does not read alone' }] };
}

function at(policy: Located, annotation?: string | null): string {
  const line = annotation ? policy.annotationLines.get(annotation) : undefined;
  return `${policy.path}:${String(line ?? policy.line)}`;
}

function keyOf(policy: Located): string {
  return `${policy.annotations['id'] ?? ''}@${policy.path}:${String(policy.line)}`;
}

function checkIds(policies: readonly Located[]): Problem[] {
  const seen = new Map<string, Located>();
  return policies.flatMap((policy) => {
    const id = policy.annotations['id'];
    if (id === undefined)
      return [{ at: at(policy), message: 'has no @id: give it a name of its own, e.g. @id("prod-export")' }];
    if (!nameSchema.safeParse(id).success) {
      return [
        {
          at: at(policy, 'id'),
          message: `@id is "${id}"; ids are 1 to 63 of a-z 0-9 . _ - and begin with a letter or digit`,
        },
      ];
    }
    const first = seen.get(id);
    if (first === undefined) {
      seen.set(id, policy);
      return [];
    }
    return [{ at: at(policy, 'id'), message: `@id("${id}") is taken by ${at(first, 'id')}: ids are unique` }];
  });
}

/** Strict validation; a warning (a policy that can never apply, say) is as bad as an error. */
function validate(keyed: ReadonlyMap<string, Located>, schema: CheckedSchema): Problem[] {
  const staticPolicies = Object.fromEntries([...keyed].map(([key, policy]) => [key, policy.text]));
  const answer = cedar.validate({
    validationSettings: { mode: 'strict' },
    schema: schema.text,
    policies: { staticPolicies },
  });
  if (answer.type === 'failure') return answer.errors.map((error) => ({ at: '*.cedar', message: error.message }));
  const findings = [...answer.validationErrors, ...answer.validationWarnings].flatMap(({ policyId, error }) => {
    const policy = keyed.get(policyId);
    if (policy === undefined) return [{ at: '*.cedar', message: error.message }];
    const named = { ...error, message: error.message.replace(`for policy \`${policyId}\`, `, '') };
    return cedarProblems(policy.path, policy.text, policy.line, [named]);
  });
  return [...findings, ...answer.otherWarnings.map((warning) => ({ at: '*.cedar', message: warning.message }))];
}

/** A misspelt name in a `forbid` would silently forbid nothing. */
function checkNames(policies: readonly Located[], known: ReadonlyMap<string, ReadonlySet<string>>): Problem[] {
  return policies.flatMap((policy) =>
    namedEntities(policy.json).flatMap(({ type, id }) => {
      if (type === 'Action') return [];
      const ids = known.get(type);
      if (ids === undefined)
        return [{ at: at(policy), message: `names ${type}::"${id}"; Countersign sends no entity of type ${type}` }];
      if (ids.has(id)) return [];
      return [{ at: at(policy), message: `names ${type}::"${id}"; ${suggest(id, ids, 'the bundle')}` }];
    }),
  );
}

function namedEntities(value: unknown): cedar.TypeAndId[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(namedEntities);
  const { type, id } = value as Record<string, unknown>;
  if (typeof type === 'string' && typeof id === 'string') return [{ type, id }];
  return Object.values(value).flatMap(namedEntities);
}

/** A misspelt flag code would make a rule that never holds. */
function checkFlagCodes(policies: readonly Located[], { flags }: CheckedSchema): Problem[] {
  if (flags === null) return [];
  return policies.flatMap((policy) =>
    flagCodes(policy.json.conditions)
      .filter((code) => !flags.has(code))
      .map((code) => ({
        at: at(policy),
        message: `asks for flag "${code}"; ${suggest(code, flags, 'the schema')} in @flags`,
      })),
  );
}

/** String literals that `context.flags` is compared with. */
function flagCodes(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(flagCodes);
  return Object.entries(value as Record<string, unknown>).flatMap(([key, inner]) => {
    if (!/^contains(All|Any)?$/.test(key)) return flagCodes(inner);
    const { left, right } = inner as { left: unknown; right: unknown };
    return isDeepStrictEqual(left, CONTEXT_FLAGS) ? literals(right) : [...flagCodes(left), ...flagCodes(right)];
  });
}

function literals(value: unknown): string[] {
  const { Value: literal, Set: items } = value as Record<string, unknown>;
  if (typeof literal === 'string') return [literal];
  return Array.isArray(items) ? items.flatMap(literals) : [];
}

function checkAnnotations(
  policy: Located,
  schema: CheckedSchema | null,
  directory: Directory | null,
): { plan: ReviewPlan | null; problems: Problem[] } {
  const problems: Problem[] = [];
  const add = (annotation: string | null, message: string): void => {
    problems.push({ at: at(policy, annotation), message });
  };
  const names = Object.keys(policy.annotations).filter((name) => name !== 'id');
  const planNames = names.filter((name) => (PLAN_ANNOTATIONS as readonly string[]).includes(name));
  for (const name of names) {
    if (!planNames.includes(name))
      add(name, `@${name} is not a known annotation; ${suggest(name, ['id', ...PLAN_ANNOTATIONS], 'Countersign')}`);
  }
  if (policy.json.effect === 'forbid') {
    for (const name of planNames)
      add(name, `@${name} on a forbid has no effect: only a permit says how it is reviewed`);
    return { plan: null, problems };
  }
  const questions = schema === null ? null : questionsOf(policy, schema);
  if (questions !== null && questions.size > 1) {
    add(null, `answers several questions (${[...questions].sort().join(', ')}): write a permit for each`);
  }
  if (questions !== null && !questions.has('review')) {
    for (const name of planNames) add(name, `@${name} has no effect: this permit is not about an operation`);
    return { plan: null, problems };
  }
  // Without a schema the question is unknown; a permit with @review is read all the same, to list what is wrong in it.
  const isReview = questions?.has('review') ?? planNames.length > 0;
  if (!isReview || directory === null) return { plan: null, problems };
  const read = readPlan(policy.annotations['id'] ?? '', policy.annotations, directory);
  for (const fault of read.faults) add(fault.annotation, fault.message);
  return { plan: read.plan, problems };
}

/** A unit that an operation does not count could never be exceeded. */
function checkUnits(
  policy: Located,
  operations: readonly string[],
  budgets: readonly Budget[],
  { counts }: CheckedSchema,
): Problem[] {
  return operations.flatMap((operation) => {
    const known = [ACTIONS, ...(counts.get(operation) ?? [])];
    return budgets
      .filter(({ unit }) => !known.includes(unit))
      .map(({ unit }) => ({
        at: at(policy, 'budget'),
        message: `@budget counts "${unit}" of ${operation}; ${suggest(unit, known, 'it')} (@counts in the schema)`,
      }));
  });
}

/** The questions for which this policy could ever hold. */
function questionsOf(policy: Located, schema: CheckedSchema): Set<Question> {
  return new Set(actionsOf(policy, schema).map(questionOf));
}

/** Names of Cedar's actions for which this policy could ever hold. */
function actionsOf(policy: Located, schema: CheckedSchema): string[] {
  const { action } = policy.json;
  // Most policies name their one action; Cedar would read the whole schema again for each of them.
  if (action.op === '==' && 'entity' in action) return [idOf(action.entity)];
  const answer = cedar.getValidRequestEnvsPolicy(policy.text, schema.text);
  if (answer.type === 'failure') return [];
  return [...new Set(answer.actions.map((name) => /^Action::"(.*)"$/.exec(name)?.[1] ?? ''))];
}

function questionOf(action: string): Question {
  const prefix = /^(request|approve):/.exec(action)?.[1];
  return prefix === 'request' || prefix === 'approve' ? prefix : 'review';
}

function idOf(entity: cedar.EntityUidJson): string {
  return '__entity' in entity ? entity.__entity.id : entity.id;
}
