import { breakersOf, checks, countedApprovals, type Check } from './checks.js';
import { layOut, type Case, type Evidence } from './evidence.js';

/** What the executor may run. */
export interface Judgement extends Case {
  /** Canonical people whose approvals counted, sorted. */
  approvers: string[];
  /** Canonical people who broke the glass, sorted; null when it may run without that. */
  brokenBy: string[] | null;
}

/**
 * Decides again, from signed statements alone, whether this action may run now.
 * @throws Refusal when there is no right to run it.
 * @throws ReviewAgain when people must look again first.
 */
export async function judge(evidence: Evidence): Promise<Judgement> {
  return judgeBy(checks, evidence);
}

/** The same with a given list of checks: the mutation table removes them one by one to prove that each is needed. */
export async function judgeBy(list: readonly Check[], evidence: Evidence): Promise<Judgement> {
  const laidOut = layOut(evidence);
  for (const check of list) await check.verify(laidOut, evidence);
  const approvers = new Set(countedApprovals(laidOut, evidence).map(({ person }) => person));
  return { ...laidOut, approvers: [...approvers].sort(), brokenBy: breakersOf(laidOut, evidence) };
}
