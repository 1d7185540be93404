import type { Action } from '../api/types.js';
import { span } from '../time/words.js';

/** One signed statement, in words. */
export interface PastEvent {
  atMs: number;
  kind: string;
  sentence: string;
  /** What a person wrote with it; empty without. */
  words: string;
  tone: 'plain' | 'good' | 'bad' | 'warn';
  signedBy: string;
  digest: string;
}

type Told = Pick<PastEvent, 'sentence'> & Partial<Pick<PastEvent, 'words' | 'tone'>>;

/** What has happened, oldest first. */
export function pastEvents(action: Action): PastEvent[] {
  const total = new Map<string, number>();
  for (const { kind } of action.timeline) total.set(kind, (total.get(kind) ?? 0) + 1);
  const seen = new Map<string, number>();
  return action.timeline.map(({ kind, atMs, signedBy, digest }) => {
    const index = seen.get(kind) ?? 0;
    seen.set(kind, index + 1);
    const told = tell(action, kind, { index, fromLast: (total.get(kind) ?? 0) - index });
    return { atMs, kind, signedBy, digest, words: '', tone: 'plain', ...told };
  });
}

/** Which statement of its kind one is. Of some kinds the view holds the newest only, so they are counted from the end. */
interface Place {
  index: number;
  fromLast: number;
}

function tell(action: Action, kind: string, place: Place): Told {
  return ABOUT_REVIEW[kind]?.(action, place) ?? ABOUT_EFFECT[kind]?.(action, place) ?? { sentence: kind };
}

type Teller = (action: Action, place: Place) => Told;

const ABOUT_REVIEW: Readonly<Record<string, Teller>> = {
  request: ({ request }) => ({ sentence: `${request.agent} asked for ${request.operation}` }),
  provenance: ({ provenance }) => {
    const people = [...(provenance?.prompters ?? []), ...(provenance?.schedulers ?? [])];
    return { sentence: `Asked on behalf of ${people.join(', ')}, as their own tokens prove` };
  },
  attachment: () => ({ sentence: 'The agent’s log was kept, its secrets left out' }),
  withdrawal: ({ request }) => ({ sentence: `${request.agent} took its request back` }),
  refusal: ({ refusals }, { index }) => {
    const refusal = refusals[index];
    return { sentence: `Refused: ${refusal?.message ?? 'an attempt'}`, tone: 'warn' };
  },
  preview: ({ flags }, { fromLast }) => ({
    sentence: fromLast === 1 ? `Preview made, read-only; ${countOf(flags.length, 'risk')} found` : 'Preview made',
  }),
  plan: ({ plan }, { index }) => {
    if (plan?.stages.length === 0) return { sentence: 'Policy asks nobody: automatic' };
    return index === 0
      ? { sentence: 'Held: policy said who must countersign' }
      : { sentence: 'Held again: earlier decisions no longer count', tone: 'warn' };
  },
  decision: ({ decisions }, { index }) => {
    const decision = decisions[index];
    if (decision === undefined) return { sentence: 'A decision' };
    const { person, decision: which, channel, reason, current } = decision;
    const gone = current ? '' : ' (no longer counts: the review was opened again)';
    const did = decision.breakGlass === true ? 'broke the glass' : which === 'approve' ? 'approved' : 'denied';
    const sentence = `${person} ${did}, through ${channel}${signedIn(decision)}${gone}`;
    const tone = decision.breakGlass === true ? 'warn' : which === 'approve' ? 'good' : 'bad';
    return { sentence, words: reason, tone };
  },
  escalation: ({ escalated }, { fromLast }) => {
    const group = escalated.at(-fromLast)?.group;
    return { sentence: group === undefined ? 'Escalated, in a round before' : `Escalated to ${group}`, tone: 'warn' };
  },
};

const ABOUT_EFFECT: Readonly<Record<string, Teller>> = {
  claim: ({ breakGlass }) =>
    breakGlass?.debt == null
      ? { sentence: 'The executor judged all of it again, and took it' }
      : {
          sentence: `The executor judged all of it again, and took it because ${breakGlass.debt.by.join(' and ')} broke the glass`,
          tone: 'warn',
        },
  retrospective: ({ breakGlass }, { index }) => {
    const found = breakGlass?.debt?.retrospectives[index];
    if (found === undefined) return { sentence: 'The broken glass was reviewed' };
    const { person, groups, verdict, reason } = found;
    const sentence = `${person}, for ${groups.join(' and ')}, found that breaking the glass was ${verdict === 'justified' ? 'justified' : 'not justified'}`;
    return { sentence, words: reason, tone: verdict === 'justified' ? 'good' : 'bad' };
  },
  lease: ({ leases }, { index }) => {
    const purpose = leases[index]?.purpose;
    return { sentence: `Credential leased for the ${purpose === 'execute' ? 'effect' : (purpose ?? 'action')}` };
  },
  credential: () => ({ sentence: 'Vault issued the credential' }),
  effect: () => ({ sentence: 'The effect began' }),
  result: ({ outcome }, { fromLast }) => ({
    sentence: fromLast === 1 && outcome !== null ? `The effect ended: ${outcome.message}` : 'The effect ended',
  }),
  incident: ({ incidents }, { index }) => ({ sentence: incidents[index]?.sentence ?? 'An incident', tone: 'bad' }),
  freeze: ({ freeze }) => ({ sentence: `Agent ${freeze?.agent ?? ''} was frozen`, tone: 'bad' }),
  unfreeze: ({ freeze }) => ({
    sentence: `${freeze?.lifted?.person ?? 'Somebody'} unfroze the agent`,
    words: freeze?.lifted?.reason ?? '',
  }),
  revocation: () => ({ sentence: 'The end of a credential was proven', tone: 'good' }),
  receipt: ({ outcome, receipt }, { fromLast }) => ({
    sentence:
      fromLast === 1 && receipt?.closing === true
        ? 'Receipt closed: every credential has ended'
        : `Receipt signed: ${(outcome?.status ?? '').replaceAll('_', ' ')}`,
  }),
  archive: () => ({ sentence: 'The workflow’s history and the policy were archived' }),
  fetch: () => ({ sentence: 'The output was fetched' }),
};

/** What the decision's statement says of the sign-in behind it. */
function signedIn({ signIn, decidedAtMs }: Action['decisions'][number]): string {
  if (signIn === undefined) return '';
  const { authTimeMs, acr } = signIn;
  const when = authTimeMs === null ? 'at a time that is not known' : `${span(decidedAtMs - authTimeMs)} before`;
  return `, signed in ${when}${acr === null ? '' : ` (${acr})`}`;
}

function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
