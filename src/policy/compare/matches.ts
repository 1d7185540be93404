import * as cedar from '../cedar.js';
import { sha256Hex } from '../../core/json.js';
import type { Agent } from '../../directory/directory.js';
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
} from '../cedar-entities.js';
import { kindOf } from '../../targets/targets.js';
import { casesOf, type Findings } from './cases.js';
import { concerns, looksOf, type Rule } from './rules.js';
import { alikeAgents, alikeTargets, type Side } from './scopes.js';

/** In how many cases one of two rules holds and the other does not. */
export interface MatchComparison {
  compared: number;
  onlyBefore: number;
  onlyAfter: number;
  exhaustive: boolean;
}

/** Of all rules of a comparison together. */
export const MATCHES_MAX = 20_000;

/** How many cases may still be asked; what is asked is taken off. */
export interface Budget {
  left: number;
}

/** One thing to ask a rule. */
interface Probe {
  principal: cedar.TypeAndId;
  action: cedar.TypeAndId;
  resource: cedar.TypeAndId;
  context: cedar.Context;
  entities: cedar.EntityJson[];
  preparsedSchemaName: string;
}

/**
 * Asks two rules, each alone, about all that either bundle can ask: each agent (and for approvals each person), operation
 * and target, with each findings that the two can tell apart.
 */
export function compareMatches(was: Rule, now: Rule, sides: readonly [Side, Side], budget: Budget): MatchComparison {
  const result: MatchComparison = { compared: 0, onlyBefore: 0, onlyAfter: 0, exhaustive: true };
  const { cases, exhaustive } = casesOf(looksOf([was, now]));
  if (!exhaustive || budget.left <= 0) return { ...result, exhaustive: false };
  const holdsBefore = holder(was);
  const holdsAfter = holder(now);
  for (const probe of probes(was, now, sides, cases)) {
    if (budget.left <= 0) return { ...result, exhaustive: false };
    budget.left -= 1;
    const [before, after] = [holdsBefore(probe), holdsAfter(probe)];
    result.compared += 1;
    if (before !== after || before === 'fails') {
      if (before !== false) result.onlyBefore += 1;
      if (after !== false) result.onlyAfter += 1;
    }
  }
  return result;
}

/** By the entities of the bundle before, then by those of the one after: who is in which group may be what differs. */
function* probes(
  was: Rule,
  now: Rule,
  [before, after]: readonly [Side, Side],
  cases: readonly Findings[],
): Generator<Probe> {
  const agents = alikeAgents(before, after).flatMap((each) => each.after ?? each.before ?? []);
  const targets = alikeTargets(before, after).flatMap((each) => each.after ?? each.before ?? []);
  for (const side of [before, after]) {
    const schema = nameSchemaOf(side);
    for (const [operation, types] of side.operations) {
      for (const question of ['request', 'review', 'approve'] as const) {
        if (![was, now].some((rule) => concerns(rule, question, operation))) continue;
        for (const { id } of agents) {
          const agent = side.policy.directory.agent(id);
          if (agent === undefined) continue;
          for (const { name } of targets)
            yield* probesOf({ side, schema, types, question, operation, agent, name, cases });
        }
      }
    }
  }
}

interface ProbeScope {
  side: Side;
  schema: string;
  /** Cedar types of the targets that the operation is about. */
  types: ReadonlySet<string>;
  question: Question;
  operation: string;
  agent: Agent;
  name: string;
  cases: readonly Findings[];
}

function* probesOf({ side, schema, types, question, operation, agent, name, cases }: ProbeScope): Generator<Probe> {
  const { directory } = side.policy;
  const target = side.policy.target(name);
  if (target === undefined || !types.has(kindOf(target).cedarType)) return;
  const common = {
    action: uid('Action', actionFor(question, operation)),
    resource: resourceUid(target),
    preparsedSchemaName: schema,
  };
  const entities = [...agentEntities(directory, agent), resourceEntity(target)];
  const principal = uid('Agent', agent.id);
  if (question === 'request') {
    yield { ...common, principal, context: {}, entities };
    return;
  }
  for (const findings of cases) {
    if (question === 'review') {
      yield { ...common, principal, context: flagContext(findings), entities };
      continue;
    }
    for (const person of new Set(directory.people().map(({ id }) => directory.canonical(id)))) {
      const others = entities.filter(
        ({ uid: known }) => !('id' in known && known.type === 'Person' && known.id === person),
      );
      const context = approveContext(principal, findings);
      yield {
        ...common,
        principal: uid('Person', person),
        context,
        entities: [...others, personEntity(directory, person)],
      };
    }
  }
}

/** The schema brings the groups of actions. */
function nameSchemaOf({ policy, files }: Side): string {
  const name = `countersign/compare/${policy.bundle.digest}`;
  const parsed = cedar.preparseSchema(name, files.get('schema.cedarschema')?.text ?? '');
  if (parsed.type === 'failure')
    throw new Error('compareMatches: Cedar does not take the schema of a bundle that loads');
  return name;
}

/** Whether the rule, alone, holds; `fails` when it cannot be evaluated. */
function holder({ text, effect }: Rule): (probe: Probe) => boolean | 'fails' {
  const name = `countersign/rule/${sha256Hex(text)}`;
  const parsed = cedar.preparsePolicySet(name, { staticPolicies: { rule: text } });
  if (parsed.type === 'failure')
    throw new Error('compareMatches: Cedar does not take a rule that the bundle loaded with');
  return (probe) => {
    const answer = cedar.statefulIsAuthorized({ ...probe, preparsedPolicySetId: name, validateRequest: true });
    if (answer.type === 'failure' || answer.response.diagnostics.errors.length > 0) return 'fails';
    const { decision, diagnostics } = answer.response;
    return effect === 'permit' ? decision === 'allow' : diagnostics.reason.length > 0;
  };
}
