import * as cedar from './cedar.js';
import { Refusal } from '../core/errors.js';
import type { ReviewPlan } from '../core/schemas/action.js';
import type { Agent, Directory } from '../directory/directory.js';
import type { Target } from '../targets/targets.js';
import {
  actionFor,
  agentEntities,
  approveContext,
  flagContext,
  personEntity,
  resourceEntity,
  resourceUid,
  uid,
  type Question,
} from './cedar-entities.js';
import type { CheckedSchema } from './cedar-schema.js';
import type { CheckedPolicies } from './check-policies.js';
import type {
  ApproveQuestion,
  Policy,
  PolicyQuestion,
  PolicyRefusal,
  PolicyRefusalCode,
  ReviewVerdict,
  Verdict,
} from './policy.js';
import { strictestUnion } from './review-plan.js';

/** The checked parts of one bundle. */
export interface PolicySources {
  bundle: { digest: string; number: number };
  directory: Directory;
  targets: readonly Target[];
  schema: CheckedSchema;
  policies: CheckedPolicies;
}

interface Asked {
  question: Question;
  principal: cedar.TypeAndId;
  operation: string;
  target: Target;
  context: cedar.Context;
  entities: cedar.EntityJson[];
}

/** Puts a checked bundle in force. Every doubt is a no. */
export function createPolicy(sources: PolicySources): Policy {
  const { directory, policies } = sources;
  const targets = new Map(sources.targets.map((target) => [target.name, target]));
  const evaluate = createEvaluator(sources);

  return {
    bundle: sources.bundle,
    directory,
    target: (name) => targets.get(name),
    targets: () => [...targets.values()],
    budgets: () => policies.budgets,
    approverGroups: () => groupsIn([...policies.plans.values()]),

    mayRequest(question) {
      const found = find(question, sources, targets);
      if (!found.allowed) return found;
      const { agent, target } = found;
      const entities = [...agentEntities(directory, agent), resourceEntity(target)];
      const { operation } = question;
      return evaluate({
        question: 'request',
        principal: uid('Agent', agent.id),
        operation,
        target,
        context: {},
        entities,
      });
    },

    review(question): ReviewVerdict {
      const found = find(question, sources, targets);
      if (!found.allowed) return found;
      const { agent, target } = found;
      const entities = [...agentEntities(directory, agent), resourceEntity(target)];
      const { operation } = question;
      const context = flagContext(question.flags);
      const verdict = evaluate({
        question: 'review',
        principal: uid('Agent', agent.id),
        operation,
        target,
        context,
        entities,
      });
      if (!verdict.allowed) return verdict;
      const plans = verdict.policies.map((id) => policies.plans.get(id));
      const known = plans.filter((plan) => plan !== undefined);
      if (known.length === 0 || known.length < plans.length) {
        return no('policy_forbids', 'A permit of this bundle has no review plan, so nothing is allowed.');
      }
      const plan = strictestUnion(known);
      const critical = question.flags.find(({ severity }) => severity === 'critical');
      // In code, so that no bundle can let it happen by an oversight.
      if (plan.stages.length === 0 && critical !== undefined) {
        const because = `Policy names nobody who would review this, and a critical risk (${critical.code}) is never taken without a person.`;
        return no('policy_forbids', because);
      }
      return { allowed: true, plan };
    },

    mayApprove(question) {
      const found = find(question, sources, targets);
      return found.allowed ? judgeApprover(question, found, directory, evaluate) : found;
    },
  };
}

function groupsIn(plans: readonly ReviewPlan[]): string[] {
  const named = plans.flatMap(({ stages, escalations, breakGlass }) => [
    ...stages,
    ...escalations,
    ...(breakGlass?.stages ?? []),
  ]);
  return [...new Set(named.map(({ group }) => group))].sort();
}

function judgeApprover(
  question: ApproveQuestion,
  { agent, target }: { agent: Agent; target: Target },
  directory: Directory,
  evaluate: Evaluate,
): Verdict {
  if (directory.person(question.person) === undefined) {
    return no('person_unknown', `The directory has no person "${question.person}".`);
  }
  const person = directory.canonical(question.person);
  // Before and besides Cedar: no policy can switch separation of duties off.
  const everyoneBarred = directory.barredFor(agent.id, question.provenance);
  const barred = everyoneBarred.find((entry) => entry.person === person);
  if (barred !== undefined) {
    return no('self_approval', `${person} may not decide on actions of ${agent.id}: ${barred.because}.`);
  }
  // Policy is told of the prompters who are barred. The people whom the agent's attributes name are, so this person is
  // not sent twice.
  const prompters = everyoneBarred.map((entry) => entry.person);
  const entities = [
    ...agentEntities(directory, {
      ...agent,
      prompters: agent.prompters.filter((id) => prompters.includes(directory.canonical(id))),
    }),
    personEntity(directory.at(question.nowMs, prompters), person),
    resourceEntity(target),
  ];
  const verdict = evaluate({
    question: 'approve',
    principal: uid('Person', person),
    operation: question.operation,
    target,
    context: approveContext(uid('Agent', agent.id), question.flags),
    entities,
  });
  if (verdict.allowed) return verdict;
  return no('not_an_approver', `${person} may not approve ${question.operation} on ${target.name}: ${verdict.because}`);
}

type Evaluate = (asked: Asked) => Verdict;

/** Parses once; asks in about half a millisecond. */
function createEvaluator({ bundle, schema, policies }: PolicySources): Evaluate {
  // The cache is per thread and keyed by name: the digest names exactly this content.
  const name = `countersign/${bundle.digest}`;
  for (const answer of [
    cedar.preparseSchema(name, schema.text),
    cedar.preparsePolicySet(name, { staticPolicies: policies.texts }),
  ]) {
    if (answer.type === 'failure') {
      throw new Refusal('bundle_invalid', `Cedar does not take the checked bundle: ${messages(answer.errors)}`);
    }
  }
  return remembering(({ question, principal, operation, target, context, entities }) => {
    const answer = ask({
      principal,
      action: uid('Action', actionFor(question, operation)),
      resource: resourceUid(target),
      context,
      entities,
      preparsedSchemaName: name,
      preparsedPolicySetId: name,
      validateRequest: true,
    });
    if (answer.type === 'failure') {
      return no('policy_forbids', `Policy could not be asked, so nothing is allowed: ${messages(answer.errors)}`);
    }
    const { decision, diagnostics } = answer.response;
    // Cedar skips a policy that errs: a broken forbid must not open the door.
    const [fault] = diagnostics.errors;
    if (fault !== undefined) {
      return no(
        'policy_forbids',
        `Policy "${fault.policyId}" could not be evaluated (${fault.error.message}), so nothing is allowed until it is mended.`,
      );
    }
    const determining = [...diagnostics.reason].sort();
    if (decision === 'allow') return { allowed: true, policies: determining };
    if (determining.length === 0) return no('policy_forbids', 'No policy permits it.');
    return no('policy_forbids', `Forbidden by ${determining.map((id) => `"${id}"`).join(', ')}.`);
  });
}

// A few kilobytes each.
const REMEMBERED_PERMITS = 1_000;

/** A permit depends on nothing but what is asked, and the same is asked at every stage of an action. Every no is found anew. */
function remembering(evaluate: Evaluate): Evaluate {
  const remembered = new Map<string, Verdict>();
  return (asked) => {
    const name = JSON.stringify(asked);
    const known = remembered.get(name);
    if (known !== undefined) return known;
    const verdict = evaluate(asked);
    if (!verdict.allowed) return verdict;
    if (remembered.size >= REMEMBERED_PERMITS) remembered.clear();
    remembered.set(name, verdict);
    return verdict;
  };
}

function ask(call: cedar.StatefulAuthorizationCall): cedar.AuthorizationAnswer {
  try {
    return cedar.statefulIsAuthorized(call);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const fault = { message, help: null, code: null, url: null, severity: null };
    return { type: 'failure', errors: [fault], warnings: [] };
  }
}

type Found = { allowed: true; agent: Agent; target: Target } | PolicyRefusal;

function find(question: PolicyQuestion, sources: PolicySources, targets: ReadonlyMap<string, Target>): Found {
  const agent = sources.directory.agent(question.agent);
  if (agent === undefined) return no('agent_unknown', `The directory has no agent "${question.agent}".`);
  if (!sources.schema.operations.includes(question.operation)) {
    return no('operation_unknown', `The policy schema has no operation "${question.operation}".`);
  }
  const target = targets.get(question.target.name);
  if (target === undefined) return no('target_unknown', `The bundle has no target "${question.target.name}".`);
  const { kind, environment } = question.target;
  if (target.kind !== kind || target.environment !== environment) {
    return no(
      'target_unknown',
      `Target "${target.name}" is ${target.kind} in ${target.environment}, not ${kind} in ${environment}.`,
    );
  }
  return { allowed: true, agent, target };
}

function no(code: PolicyRefusalCode, because: string): PolicyRefusal {
  return { allowed: false, code, because };
}

function messages(errors: readonly cedar.DetailedError[]): string {
  return errors.map((error) => error.message).join('; ');
}
