import { z } from 'zod';
import { lackOfAssurance, WEB_CHANNEL, type AssuranceSettings } from '../../core/assurance.js';
import { Refusal, REFUSAL_CODES, type RefusalCode } from '../../core/errors.js';
import type { Policy } from '../../policy/policy.js';
import type { ActionView } from '../../record/action-view.js';
import { checkApprover } from '../approver-check.js';
import type { PersonPrincipal } from './principals.js';

/** What a person may do about an action, and why. */
export const youSchema = z
  .object({
    mayDecide: z.boolean().describe('Whether your approval would count, once you are signed in well enough.'),
    mayDeny: z.boolean().describe('Whether your denial would.'),
    why: z.string().describe('Why, or why not, in a sentence.'),
    code: z.enum(REFUSAL_CODES).nullable().describe('Why your approval would not count, for programs.'),
    breakGlass: z
      .object({
        may: z.boolean().describe('Whether your word would count for it, once you are signed in well enough.'),
        why: z.string().describe('Why, or why not, in a sentence.'),
        code: z.enum(REFUSAL_CODES).nullable(),
        by: z.array(z.string()).describe('Who breaks it already.'),
      })
      .nullable()
      .describe(
        'Whether you may break the glass; null where the plan lets nobody. What is owed for an earlier one is asked when you do.',
      ),
    assurance: z.object({
      needed: z.enum(['any', 'web']),
      met: z.boolean().describe('Whether you are signed in as policy demands. If not: `/sign-in?fresh=1`.'),
      why: z.string().nullable().describe('What is missing.'),
    }),
  })
  .meta({ id: 'You' });
export type You = z.infer<typeof youSchema>;

export interface Judging {
  policy: () => Policy;
  assurance: AssuranceSettings;
  clock: () => number;
}

/** Judges as a decision would be judged now; membership is asked anew. */
export function judgeYou(view: ActionView, principal: PersonPrincipal, judging: Judging): You {
  const { session } = principal;
  const needed = view.plan?.assurance ?? 'any';
  const decided = {
    channel: session === null ? 'api' : WEB_CHANNEL,
    signIn: session,
    decidedAtMs: judging.clock(),
  };
  const lack = lackOfAssurance(needed, decided, judging.assurance);
  const breakGlass = mayBreakGlass(view, principal, judging);
  return { ...mayDecide(view, principal, judging), breakGlass, assurance: { needed, met: lack === null, why: lack } };
}

/** Whether the person is in a group that may decide now, or break a glass that somebody breaks: only then does it concern them. */
export function concerns(view: ActionView, { person }: Pick<PersonPrincipal, 'person'>, judging: Judging): boolean {
  if (view.state !== 'waiting' || view.plan === null) return false;
  const { directory } = judging.policy();
  const { agent } = view.request;
  // Of an agent that left the directory nobody can be told from its people; the decision is refused.
  const barredNow = directory.agent(agent) === undefined ? [] : directory.barredFor(agent, view.provenance);
  const barred = [...view.barred, ...barredNow];
  const present = directory.at(
    judging.clock(),
    barred.map((entry) => entry.person),
  );
  const groups = present.groupsOf(directory.canonical(person.id));
  const breaking = (view.breakGlass?.by.length ?? 0) > 0 ? (view.plan.breakGlass?.stages ?? []) : [];
  return decidersAmong(view, groups).length > 0 || breaking.some(({ group }) => groups.includes(group));
}

/** Those of the groups that may decide now. */
function decidersAmong({ plan, escalated }: ActionView, groups: readonly string[]): string[] {
  const deciding = [...(plan?.stages ?? []), ...escalated].map(({ group }) => group);
  return [...new Set(deciding)].filter((group) => groups.includes(group));
}

function mayDecide(
  view: ActionView,
  { person }: PersonPrincipal,
  judging: Judging,
): Omit<You, 'assurance' | 'breakGlass'> {
  const no = (code: RefusalCode, why: string, mayDeny = false) => ({ mayDecide: false, mayDeny, why, code });
  const isDenied = view.decisions.some(({ current, decision }) => current && decision === 'deny');
  if (view.state !== 'waiting' || view.plan === null || isDenied)
    return no('action_closed', isDenied ? 'It was denied.' : `There is nothing to decide: it is ${view.state}.`);
  const { directory } = judging.policy();
  const id = directory.canonical(person.id);
  const earlier = view.decisions.find((decision) => decision.current && directory.canonical(decision.person) === id);
  if (earlier !== undefined)
    return no('already_decided', `You have decided already: ${earlier.decision}. A person decides once.`);
  const judge = (decision: 'approve' | 'deny'): Refusal | string[] => {
    try {
      return checkApprover({ view, person: id, decision }, judging);
    } catch (error) {
      if (error instanceof Refusal) return error;
      throw error;
    }
  };
  const groups = judge('approve');
  if (groups instanceof Refusal) return no(groups.code, groups.message, !(judge('deny') instanceof Refusal));
  return {
    mayDecide: true,
    mayDeny: true,
    why: `You are in ${decidersAmong(view, groups).join(' and ')}, who may decide now.`,
    code: null,
  };
}

function mayBreakGlass(view: ActionView, { person }: PersonPrincipal, judging: Judging): You['breakGlass'] {
  if (view.plan?.breakGlass === undefined || view.state !== 'waiting') return null;
  const by = view.breakGlass?.by.map((one) => one.person) ?? [];
  const { directory } = judging.policy();
  const id = directory.canonical(person.id);
  const isSaid = view.decisions.some(
    ({ current, person: who, decision, breakGlass }) =>
      current && directory.canonical(who) === id && (decision === 'deny' || breakGlass === true),
  );
  if (isSaid) return { may: false, why: 'You have decided already.', code: 'already_decided', by };
  try {
    const groups = checkApprover({ view, person: id, decision: 'approve', breakGlass: true }, judging);
    const named = view.plan.breakGlass.stages.map(({ group }) => group).filter((group) => groups.includes(group));
    return { may: true, why: `You are in ${named.join(' and ')}, who may break the glass.`, code: null, by };
  } catch (error) {
    if (error instanceof Refusal) return { may: false, why: error.message, code: error.code, by };
    throw error;
  }
}
