import { canonicalJson } from '../../core/json.js';
import type { TargetRef } from '../../core/schemas/action.js';
import type { Agent } from '../../directory/directory.js';
import type { Policy } from '../policy.js';
import { answerOf, effectOf, ownTarget } from './answers.js';
import { casesOf, type Findings } from './cases.js';
import { compareApprovers, type ApproverComparison } from './compare-approvers.js';
import type { Answer, ApproverChange, AskChange, DemandChange, Effect, Scope } from './comparison.js';
import { together } from './effects.js';
import type { Budget } from './matches.js';
import { concerns, looksOf, reaches, type Rule } from './rules.js';
import { alikeAgents, alikeTargets, type Alike, type Side } from './scopes.js';

/** How the policies of two bundles answer, where they differ. */
export interface AnswerComparison {
  demands: DemandChange[];
  asking: AskChange[];
  approving: ApproverChange[];
  /** Of who may approve: more or fewer people for the places of plans that both sides have. */
  approvingEffect: Effect;
  /** By `@id`: what the differing answers come to that this rule determined, on either side. */
  effectByRule: Map<string, Set<Effect>>;
  exhaustive: boolean;
}

/** So many questions take about half a minute, where there are a hundred rules. */
const QUESTIONS_MAX = 60_000;
/** The same of people: whether they may approve. */
const APPROVERS_MAX = 60_000;

/** One operation, asked for by agents that are alike, on targets that are alike. */
export interface Cell {
  before: Side;
  after: Side;
  operation: string;
  agents: Alike<Agent>;
  targets: Alike<TargetRef>;
  /** How many people may still be asked about. */
  approvers: Budget;
}

/** One question, as both sides answer it. */
export interface Case {
  findings: Findings;
  before: Answer;
  after: Answer;
  effect: Effect;
}

/** Asks both bundles about every case that their rules can tell apart. */
export function compareAnswers(before: Side, after: Side): AnswerComparison {
  const result: AnswerComparison = {
    demands: [],
    asking: [],
    approving: [],
    approvingEffect: 'neutral',
    effectByRule: new Map(),
    exhaustive: true,
  };
  const operations = [...new Set([...before.operations.keys(), ...after.operations.keys()])].sort();
  const isSameDirectory = circlesOf(before.policy) === circlesOf(after.policy);
  // Each question is put to every rule.
  const weight = Math.max(1, Math.ceil(Math.max(before.rules.size, after.rules.size) / 100));
  let questionsLeft = QUESTIONS_MAX / weight;
  const approvers = { left: APPROVERS_MAX / weight };
  const [allAgents, allTargets] = [alikeAgents(before, after), alikeTargets(before, after)];
  for (const operation of operations) {
    const isSameRules = rulesAbout(before, operation) === rulesAbout(after, operation);
    for (const agents of allAgents) {
      for (const targets of allTargets) {
        // The same questions to the same rules have the same answers.
        if (isSameRules && isSameDirectory && agents.isSame && targets.isSame) continue;
        if (questionsLeft <= 0) {
          result.exhaustive = false;
          continue;
        }
        const cell: Cell = { before, after, operation, agents, targets, approvers };
        const { cases, exhaustive } = askCases(cell);
        questionsLeft -= 2 + 2 * cases.length;
        result.exhaustive &&= exhaustive;
        note(result, cell, cases);
      }
    }
  }
  result.exhaustive &&= approvers.left > 0;
  return result;
}

/** Rules that any question about the operation meets, and the schema that they are read by; names do not matter. */
function rulesAbout({ rules, schema }: Side, operation: string): string {
  const about = [...rules.values()].filter((rule) => isAbout(rule, operation));
  return canonicalJson([
    schema,
    about.map(({ meaning, annotations }) => canonicalJson({ ...annotations, id: '', meaning })).sort(),
  ]);
}

function isAbout(rule: Rule, operation: string): boolean {
  return (['request', 'review', 'approve'] as const).some((question) => concerns(rule, question, operation));
}

/** Who is in which group, and who is who. */
function circlesOf({ directory }: Policy): string {
  const groups = directory.groups().map((group) => [group, directory.membersOf(group)]);
  return canonicalJson([
    groups,
    directory
      .people()
      .map(({ id }) => [id, directory.canonical(id)])
      .sort(),
  ]);
}

function askCases(cell: Cell): { cases: Case[]; exhaustive: boolean } {
  const { before, after, operation, agents, targets } = cell;
  const asked = (side: 'before' | 'after', flags: Findings): Answer => {
    const target = targets[side] ?? targets.after ?? targets.before;
    if (target === undefined) throw new RangeError('askCases: a target that neither bundle lists');
    return answerOf(cell[side].policy, { agent: agents.names[0] ?? '', operation, target, flags, nowMs: 0 });
  };
  const unasked = (['before', 'after'] as const).every((side) => !mayAsk(cell, side));
  if (unasked) return { cases: [], exhaustive: true };
  const reaching = [before, after].flatMap(({ rules }) => [...rules.values()].filter((rule) => couldReach(rule, cell)));
  const { cases, exhaustive } = casesOf(looksOf(reaching));
  return {
    cases: cases.map((findings) => {
      const answers = { before: asked('before', findings), after: asked('after', findings) };
      return { findings, ...answers, effect: effectOf(answers.before, answers.after) };
    }),
    exhaustive,
  };
}

function couldReach(rule: Rule, { operation, agents, targets }: Cell): boolean {
  if (concerns(rule, 'approve', operation)) return true;
  if (!concerns(rule, 'review', operation)) return false;
  return [agents.before, agents.after].some(
    (agent) =>
      agent !== undefined &&
      [targets.before, targets.after].some((target) => target !== undefined && reaches(rule, agent, target)),
  );
}

function mayAsk({ operation, agents, targets, ...sides }: Cell, side: 'before' | 'after'): boolean {
  const target = targets[side];
  if (target === undefined) return false;
  const { policy } = sides[side];
  return policy.mayRequest({
    agent: agents.names[0] ?? '',
    operation,
    target: ownTarget(policy, target),
    flags: [],
    nowMs: 0,
  }).allowed;
}

function note(result: AnswerComparison, cell: Cell, cases: readonly Case[]): void {
  const scope = scopeOf(cell);
  const [asked, asks] = [mayAsk(cell, 'before'), mayAsk(cell, 'after')];
  if (asked !== asks) result.asking.push({ ...scope, change: asks ? 'gained' : 'lost' });
  const differing = cases.filter(({ effect }) => effect !== 'neutral');
  const [first] = differing;
  if (first !== undefined) {
    const kinds = new Map(
      differing.map((each) => [[each.effect, each.before.kind, each.after.kind].join(), each] as const).reverse(),
    );
    const examples = [...kinds.values()].reverse().map(({ findings, ...answers }) => ({
      flags: findings.map(({ code, severity }) => ({ code, severity })),
      ...answers,
    }));
    const counts = { casesDiffering: differing.length, casesCompared: cases.length };
    result.demands.push({ ...scope, effect: together(differing.map(({ effect }) => effect)), ...counts, examples });
  }
  for (const { before, after, effect } of differing) {
    for (const id of new Set(
      [before, after].flatMap((answer) => (answer.kind === 'refused' ? [] : answer.plan.policies)),
    )) {
      result.effectByRule.set(id, (result.effectByRule.get(id) ?? new Set()).add(effect));
    }
  }
  const approvers: ApproverComparison = compareApprovers(cell, cases);
  result.approvingEffect = together([result.approvingEffect, approvers.effect]);
  const { gained, lost } = approvers;
  if (gained.length > 0 || lost.length > 0)
    result.approving.push({ ...scope, gained, lost, before: approvers.before, after: approvers.after });
}

function scopeOf({ operation, agents, targets, before, after }: Cell): Scope {
  const refs = targets.names.flatMap((name) => {
    const target = after.policy.target(name) ?? before.policy.target(name);
    return target === undefined ? [] : [{ kind: target.kind, name, environment: target.environment }];
  });
  return { agents: agents.names, operation, targets: refs };
}
