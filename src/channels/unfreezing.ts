import { Refusal } from '../core/errors.js';
import { sha256Hex } from '../core/json.js';
import type { StatementBody } from '../core/schemas/statements.js';
import type { Person } from '../directory/directory.js';
import type { Policy } from '../policy/policy.js';
import { openFreezes } from '../record/freezes.js';
import type { Record as ActionRecord, Recorded } from '../record/record.js';
import type { Refusals } from './refusals.js';

export interface UnfreezingOptions {
  policy: () => Policy;
  record: Pick<ActionRecord, 'freezesOf' | 'append'>;
  refusals: Refusals;
  clock: () => number;
}

export interface UnfreezeRequest {
  agent: string;
  reason: string;
  /** Whom the channel authenticated. */
  person: Person;
  via: StatementBody<'unfreeze'>['via'];
}

/** Freezes that were lifted now; none when the agent was not frozen. */
export interface Unfrozen {
  agent: string;
  lifted: { actionId: string; freeze: string }[];
}

export interface Unfreezing {
  /**
   * Lifts every freeze of an agent, each by a statement of its own, signed with the gateway's key `decision`.
   * @throws Refusal on record: `self_approval` for who owns or prompts the agent, `not_an_approver` for who is not in the
   *   bundle's group for it, `forbidden` where the bundle names none, `reason_missing`, `agent_unknown`.
   */
  unfreeze(request: UnfreezeRequest): Promise<Unfrozen>;
}

/** Most characters of a person's reason. */
const REASON_CHARS = 2_000;

export function createUnfreezing(options: UnfreezingOptions): Unfreezing {
  return {
    async unfreeze(request) {
      try {
        return await unfreeze(request, options);
      } catch (error) {
        if (error instanceof Refusal) {
          const who = `person/${options.policy().directory.canonical(request.person.id)}`;
          const sentDigest = sha256Hex(JSON.stringify([request.agent, request.reason]));
          await options.refusals.put(error, { action: null, who, sentDigest, source: who });
        }
        throw error;
      }
    },
  };
}

async function unfreeze(
  { agent, reason: sent, person, via }: UnfreezeRequest,
  { policy, record, clock }: UnfreezingOptions,
): Promise<Unfrozen> {
  const by = requireUnfreezer(policy(), agent, person);
  const reason = cleanReason(sent);
  const open = openFreezes(await record.freezesOf(agent), agent);
  const unfrozenAtMs = clock();
  await record.append(
    open.map(({ digest, actionId, statement }) => ({
      kind: 'unfreeze' as const,
      actionId,
      requestDigest: statement.subject[0].digest.sha256,
      body: { agent, freeze: digest, reason, by, via, unfrozenAtMs },
      // Two people, or one twice: a freeze is lifted once.
      key: digest,
    })),
  );
  return { agent, lifted: open.map(toLifted) };
}

function toLifted({ actionId, digest }: Recorded<'freeze'>): Unfrozen['lifted'][number] {
  return { actionId: actionId ?? '', freeze: digest };
}

function requireUnfreezer({ directory }: Policy, agent: string, { id }: Person): StatementBody<'unfreeze'>['by'] {
  const person = directory.canonical(id);
  // Nobody's token came with a freeze: everyone who may prompt the agent is barred. Throws for an unknown agent.
  const barred = directory.barredFor(agent).find((entry) => entry.person === person);
  if (barred !== undefined) throw new Refusal('self_approval', `You may not unfreeze ${agent}: ${barred.because}.`);
  const group = directory.unfreezeGroup();
  if (group === null) {
    throw new Refusal(
      'forbidden',
      'The policy bundle lets nobody unfreeze agents: it must name a group (directory.yaml, unfreeze).',
    );
  }
  if (directory.groupsOf(person).includes(group)) return { person, group };
  throw new Refusal('not_an_approver', `You are not in group ${group}, whose people unfreeze agents.`);
}

function cleanReason(sent: string): string {
  // Controls and lone surrogates: the latter have no canonical JSON.
  const reason = sent.replace(/(?![\n\t])\p{Cc}|\p{Cs}/gu, '').trim();
  if (reason === '')
    throw new Refusal('reason_missing', 'Say why the agent may act again: it goes on record.', 'reason');
  if (reason.length <= REASON_CHARS) return reason;
  throw new Refusal('field_invalid', `A reason has at most ${String(REASON_CHARS)} characters.`, 'reason');
}
