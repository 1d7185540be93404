import { Refusal } from '../core/errors.js';
import { digestOf } from '../core/json.js';
import type { FreezeScope, StatementBody } from '../core/schemas/statements.js';
import type { Person } from '../directory/directory.js';
import type { Policy } from '../policy/policy.js';
import { liftersMissing, liftsOf, openFreezes, wordOfScope } from '../record/freezes.js';
import type { AnyDraft, Record as ActionRecord, Recorded } from '../record/record.js';
import { cleanReason } from './person-reason.js';
import { recordingRefusals, type Refusals } from './refusals.js';
import { requireUnfreezeGroup } from './unfreeze-group.js';

export interface UnfreezingOptions {
  policy: () => Policy;
  record: Pick<ActionRecord, 'freezesOf' | 'append'>;
  refusals: Refusals;
  clock: () => number;
}

export interface UnfreezeRequest {
  scope: FreezeScope;
  reason: string;
  /** Whom the channel authenticated. */
  person: Person;
  via: StatementBody<'unfreeze'>['via'];
}

/** What came of it; both are empty when nothing of this scope was frozen. */
export interface Unfrozen {
  scope: FreezeScope;
  /** Freezes that are lifted now. `actionId`: the action for whose effect the executor froze its agent. */
  lifted: { freeze: string; actionId: string | null }[];
  /** Freezes by a person: so many more people must say that they are lifted. */
  waiting: { freeze: string; missing: number }[];
}

export interface Unfreezing {
  /**
   * Says of every freeze of exactly this scope that it may be lifted, each by a statement of its own, signed with the
   * gateway's key `decision`. One person lifts what the executor froze, two different people what a person froze.
   * @throws Refusal on record: `self_approval` for who owns or prompts the frozen agent, `not_an_approver` for who is not in
   *   the bundle's group for it, `forbidden` where the bundle names none, `reason_missing`, `agent_unknown`.
   */
  unfreeze(request: UnfreezeRequest): Promise<Unfrozen>;
}

export function createUnfreezing(options: UnfreezingOptions): Unfreezing {
  return {
    unfreeze(request) {
      const person = options.policy().directory.canonical(request.person.id);
      const asked = { person, sent: [request.scope, request.reason] };
      return recordingRefusals(options.refusals, asked, () => unfreeze(request, options));
    },
  };
}

async function unfreeze(
  { scope, reason: sent, person, via }: UnfreezeRequest,
  { policy, record, clock }: UnfreezingOptions,
): Promise<Unfrozen> {
  const { directory } = policy();
  const canonical = (id: string): string => directory.canonical(id);
  const by = requireUnfreezer(policy(), scope, person);
  const reason = cleanReason(sent, 'Say why it may act again: it goes on record.');
  const isMeant = (one: FreezeScope): boolean => wordOfScope(one) === wordOfScope(scope);
  const before = await record.freezesOf([scope]);
  const open = openFreezes(before, isMeant, directory);
  // A person says it once of each freeze.
  const unsaid = open.filter((freeze) =>
    liftsOf(freeze, before).every(({ body }) => canonical(body.by.person) !== by.person),
  );
  const said = { reason, by, via, unfrozenAtMs: clock() };
  await record.append(unsaid.map((freeze) => draftOf(freeze, said, liftsOf(freeze, before).length === 0)));
  // Somebody else may have said it at the same time.
  const after = await record.freezesOf([scope]);
  const standing = open.map((freeze) => ({ freeze, missing: liftersMissing(freeze, after, directory) }));
  return {
    scope,
    lifted: standing
      .filter(({ missing }) => missing === 0)
      .map(({ freeze: { digest, actionId } }) => ({ freeze: digest, actionId })),
    waiting: standing
      .filter(({ missing }) => missing > 0)
      .map(({ freeze: { digest }, missing }) => ({ freeze: digest, missing })),
  };
}

function draftOf(
  { digest, actionId, statement, body: frozen }: Recorded<'freeze'>,
  said: Pick<StatementBody<'unfreeze'>, 'reason' | 'by' | 'via' | 'unfrozenAtMs'>,
  isFirst: boolean,
): AnyDraft {
  if (frozen.because === 'person') {
    const body = { freeze: digest, ...said };
    const key = `${digest}/${said.by.person}`;
    return { kind: 'unfreeze', actionId: null, requestDigest: digestOf(body), body, key };
  }
  const requestDigest = statement.subject[0].digest.sha256;
  const body = { agent: frozen.agent, freeze: digest, ...said };
  // Two people, or one twice: what the executor froze is lifted once. One that counts for nothing must not stand in the way.
  const key = isFirst ? digest : `${digest}/${said.by.person}`;
  return { kind: 'unfreeze', actionId, requestDigest, body, key };
}

function requireUnfreezer({ directory }: Policy, scope: FreezeScope, { id }: Person): StatementBody<'unfreeze'>['by'] {
  const person = directory.canonical(id);
  // Nobody's token came with a freeze: everyone who may prompt the agent is barred. Throws for an unknown agent.
  const barred =
    scope.kind === 'agent' ? directory.barredFor(scope.agent).find((entry) => entry.person === person) : undefined;
  if (barred !== undefined)
    throw new Refusal('self_approval', `You may not unfreeze ${wordOfScope(scope)}: ${barred.because}.`);
  return requireUnfreezeGroup(directory, person, 'unfreeze');
}
