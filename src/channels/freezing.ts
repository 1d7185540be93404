import { Refusal } from '../core/errors.js';
import { digestOf } from '../core/json.js';
import type { FreezeScope, StatementBody } from '../core/schemas/statements.js';
import type { Person } from '../directory/directory.js';
import type { OperationCatalog } from '../operations/operation.js';
import type { Policy } from '../policy/policy.js';
import { liftersMissing, liftsOf, openFreezes, scopeOf, wordOfScope, type Lifters } from '../record/freezes.js';
import { allOf, type AnyRecorded, type Record as ActionRecord, type Recorded } from '../record/record.js';
import { cleanReason } from './person-reason.js';
import { recordingRefusals, type Refusals } from './refusals.js';

export interface FreezingOptions {
  policy: () => Policy;
  record: Pick<ActionRecord, 'freezesOf' | 'newestFreezes' | 'append'>;
  operations: Pick<OperationCatalog, 'has'>;
  refusals: Refusals;
  clock: () => number;
}

export interface FreezeRequest {
  scope: FreezeScope;
  reason: string;
  /** Whom the channel authenticated. */
  person: Person;
  via: { channel: string; subject: string };
}

/** What is frozen, by whom and why, and who has begun to lift it. */
export interface FreezeState {
  /** Digest of the signed statement. */
  digest: string;
  scope: FreezeScope;
  because: StatementBody<'freeze'>['because'];
  /** Null when the executor froze it. */
  by: string | null;
  /** Null when the executor froze it: then its action tells. */
  reason: string | null;
  /** The action for whose effect the executor froze its agent. */
  actionId: string | null;
  frozenAtMs: number;
  /** Who has said that it may be lifted. */
  lifts: { person: string; reason: string; atMs: number }[];
  /** How many more people must say so. */
  missing: number;
}

export interface Freezing {
  /**
   * Freezes an agent, an operation or everything, by a statement signed with the gateway's key `decision`. The same person
   * freezing the same again changes nothing while it is frozen.
   * @throws Refusal on record: `not_an_approver` for who is in no group that policy names, `reason_missing`, `agent_unknown`,
   *   `operation_unknown`.
   */
  freeze(request: FreezeRequest): Promise<FreezeState>;
  /** All that is frozen now, newest first. */
  list(): Promise<{ freezes: FreezeState[]; unreadable: string[] }>;
}

export function createFreezing(options: FreezingOptions): Freezing {
  const { policy, record, refusals } = options;
  return {
    freeze(request) {
      const person = policy().directory.canonical(request.person.id);
      const asked = { person, sent: [request.scope, request.reason] };
      return recordingRefusals(refusals, asked, () => freeze(request, options));
    },
    async list() {
      const { statements, unreadable } = await record.newestFreezes();
      const { directory } = policy();
      const open = openFreezes(statements, () => true, directory);
      return { freezes: open.map((one) => freezeStateOf(one, statements, directory)).reverse(), unreadable };
    },
  };
}

async function freeze(
  { scope, reason: sent, person: { id }, via }: FreezeRequest,
  { policy, record, operations, clock }: FreezingOptions,
): Promise<FreezeState> {
  const { directory } = policy();
  const person = directory.canonical(id);
  const nowMs = clock();
  const by = { person, group: requireApprover(person, policy(), nowMs) };
  const reason = cleanReason(
    sent,
    'Say why it must stop: it goes on record, and people must decide whether to lift it.',
  );
  requireKnown(scope, policy(), operations);
  const statements = await record.freezesOf([scope]);
  const mine = allOf(statements, 'freeze').filter(
    ({ body }) => body.because === 'person' && directory.canonical(body.by.person) === person,
  );
  const standing = mine.find((one) => liftersMissing(one, statements, directory) > 0);
  if (standing !== undefined) return freezeStateOf(standing, statements, directory);
  const body = { because: 'person' as const, scope, reason, by, via, frozenAtMs: nowMs };
  // A double click is one freeze; a new one, after the last was lifted, is another.
  const key = `${wordOfScope(scope)}/${person}/${String(allOf(statements, 'freeze').length)}`;
  const [frozen] = await record.append([{ kind: 'freeze', actionId: null, requestDigest: digestOf(body), body, key }]);
  if (frozen?.kind !== 'freeze') throw new Error('freeze: the record answered with something else');
  return freezeStateOf(frozen, [], directory);
}

/** An approver: somebody whom policy may ask, or who may unfreeze. Being the owner bars nobody: it only stops things. */
function requireApprover(person: string, policy: Policy, nowMs: number): string {
  const { directory } = policy;
  const unfreezers = directory.unfreezeGroup();
  const deciding = new Set([...policy.approverGroups(), ...(unfreezers === null ? [] : [unfreezers])]);
  // Who stands in for somebody may, and who is away all the same.
  const groups = [...directory.groupsOf(person), ...directory.at(nowMs, []).groupsOf(person)];
  const group = groups.find((one) => deciding.has(one));
  if (group !== undefined) return group;
  throw new Refusal(
    'not_an_approver',
    'Approvers freeze: people of a group that policy names. You are in none of them.',
  );
}

/** A misspelt name would freeze nothing. */
function requireKnown(scope: FreezeScope, { directory }: Policy, operations: FreezingOptions['operations']): void {
  if (scope.kind === 'agent' && directory.agent(scope.agent) === undefined)
    throw new Refusal('agent_unknown', `The directory has no agent "${scope.agent}".`, 'scope.agent');
  if (scope.kind === 'operation' && !operations.has(scope.operation))
    throw new Refusal('operation_unknown', `There is no operation "${scope.operation}".`, 'scope.operation');
}

/** A freeze, and what was said to lift it. @param statements as `Record.freezesOf` reads them. */
export function freezeStateOf(
  frozen: Recorded<'freeze'>,
  statements: readonly AnyRecorded[],
  people: Lifters,
): FreezeState {
  const { digest, actionId, body } = frozen;
  return {
    digest,
    scope: scopeOf(body),
    because: body.because,
    by: body.because === 'person' ? body.by.person : null,
    reason: body.because === 'person' ? body.reason : null,
    actionId,
    frozenAtMs: body.frozenAtMs,
    lifts: liftsOf(frozen, statements).map((lift) => ({
      person: lift.body.by.person,
      reason: lift.body.reason,
      atMs: lift.body.unfrozenAtMs,
    })),
    missing: liftersMissing(frozen, statements, people),
  };
}
