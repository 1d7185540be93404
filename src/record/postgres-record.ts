import { setImmediate } from 'node:timers/promises';
import type pg from 'pg';
import { z } from 'zod';
import type { Signer } from '../core/dsse.js';
import { Refusal } from '../core/errors.js';
import { SIGNERS_OF, type KeyPurpose } from '../core/keyring.js';
import { KINDS_WITHOUT_ACTION, type ProcessName, type StatementKind } from '../core/schemas/statements.js';
import { createGroupCommit } from './postgres/group-commit.js';
import { insertAgentStatement } from './postgres/agent-statements.js';
import {
  appendBehind,
  appendLocked,
  EMPTY_DIGEST,
  isOvertaken,
  statementOf,
  type Appended,
  type Appending,
  type ChainHead,
} from './postgres/append-statements.js';
import { selectFirst } from './postgres/joining.js';
import { inTransaction, query } from './postgres/pool.js';
import { createAlarmReader } from './postgres/read-alarms.js';
import { readAdoptions } from './postgres/read-adoptions.js';
import { readDebts } from './postgres/read-debts.js';
import { readEffects } from './postgres/read-effects.js';
import { readFreezes, readIncidents, readNewestFreezes } from './postgres/read-freezes.js';
import { refusalOfRow } from './postgres/sql-states.js';
import { recordedFrom, STATEMENT_COLUMNS, type StatementRow, type Verify } from './postgres/statement-rows.js';
import { verifyChain, type ChainReport } from './postgres/verify-chain.js';
import type { ActionFilter, AnyDraft, AnyRecorded, Record as ActionRecord, Recorded } from './record.js';
import { checkForm, createStatementVerifier, invalid, schemaOf, type Verifiers } from './verify-statement.js';

export interface RecordOptions extends Verifiers {
  /** Of this process's own role; `close` ends it. */
  pool: pg.Pool;
  process: ProcessName;
  /** The keys that this process may sign with. */
  signers: Partial<Record<KeyPurpose, Signer>>;
}

/** The record in PostgreSQL; also walks a process's chain, for `doctor` and auditors. */
export interface PostgresRecord extends ActionRecord {
  verifyChain(process: ProcessName): Promise<ChainReport>;
  /** The policy bundles that processes of this kind took in force, oldest first. @throws as `ofAction`. */
  adoptionsOf(process: ProcessName): Promise<Recorded<'adoption'>[]>;
}

// Two processes may append under the same key at once; the loser then finds the winner's statement.
const APPEND_ATTEMPTS = 3;

// After another process of this kind was found to write too: a guess that fails costs a signature.
const LOCKED_AFTER_MISS = 20;

const OF_ACTION = {
  name: 'statements-of-action',
  text: `select ${STATEMENT_COLUMNS} from countersign.statements where action_id = $1 order by sequence`,
};

const OF_ACTIONS = {
  name: 'statements-of-actions',
  text: `select ${STATEMENT_COLUMNS} from countersign.statements where action_id = any($1) and kind = any(coalesce($2, array[kind])) order by sequence`,
};

// An action's plans and previews may have megabytes.
const MAX_ACTIONS_READ = 25;

// Statements in one transaction, when many wait: what Vault signs and PostgreSQL inserts in a few milliseconds.
const MAX_GROUP = 64;

/** One process's view of the record: it appends to that process's own chain, and reads everything. */
export function createRecord(options: RecordOptions): PostgresRecord {
  const { pool, process } = options;
  const verify = createStatementVerifier(options);
  const appending: Appending = { process, verify, signerFor: (kind: StatementKind) => signerFor(kind, options) };

  const writeAll = createGroupCommit<AnyDraft, AnyRecorded>(createAppender(pool, appending), MAX_GROUP);

  const append: ActionRecord['append'] = async (drafts) => {
    for (const draft of drafts) checkDraft(draft, options);
    if (drafts.length === 0) return [];
    return writeAll(drafts).catch((error: unknown) => {
      throw refusalOfRow(error, 'The lease has ended: nothing more is issued under it.');
    });
  };

  return {
    append,
    async appendAgentStatement(kind, actionId, envelope, once) {
      // Verified once more: one false statement under an action's id would make the whole action unreadable.
      const verified = verify(kind, actionId, envelope);
      return insertAgentStatement(pool, { kind, actionId, envelope, verified, once: once ?? null });
    },
    async openTwin(once, actionId) {
      const [first] = await query<{ action_id: string; digest: string }>(pool, selectFirst(once, actionId), []);
      return first === undefined ? null : { actionId: first.action_id, requestDigest: first.digest };
    },
    async ofAction(actionId) {
      return verified(await query<StatementRow>(pool, OF_ACTION, [actionId]), verify);
    },
    ofActions: (actionIds, kinds) => ofActions(pool, { actionIds, kinds }, verify),
    listActions: (filter) => listActions(pool, filter),
    freezesOf: (scopes) => readFreezes(pool, scopes, verify),
    newestFreezes: () => readNewestFreezes(pool, verify),
    alarms: createAlarmReader(pool, verify, { append }),
    effectsWithin: (windowMs) => readEffects(pool, windowMs, verify),
    debts: (options = {}) => readDebts(pool, options, verify),
    listIncidents: (filter) => readIncidents(pool, filter, verify),
    verifyChain: (name) => verifyChain(pool, name),
    adoptionsOf: (name) => readAdoptions(pool, name, verify),
    close: () => pool.end(),
  };
}

/** Appends behind what this process wrote last, where nobody else writes this chain; else behind the lock. */
function createAppender(pool: pg.Pool, appending: Appending): (drafts: readonly AnyDraft[]) => Promise<AnyRecorded[]> {
  let head: ChainHead | null = null;
  let lockedLeft = 0;
  return async (drafts) => {
    const guessed = lockedLeft > 0 ? null : head;
    // Whatever fails now leaves it open where the chain ends.
    head = null;
    lockedLeft = Math.max(0, lockedLeft - 1);
    const quick = guessed === null ? null : await appendBehind(pool, drafts, guessed, appending);
    const appended = quick ?? (await appendWaiting(pool, drafts, appending));
    const isMissed = quick === null && guessed !== null && appended.previous.number !== guessed.number;
    if (isMissed) lockedLeft = LOCKED_AFTER_MISS;
    head = appended.head;
    return appended.statements;
  };
}

async function appendWaiting(pool: pg.Pool, drafts: readonly AnyDraft[], appending: Appending): Promise<Appended> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await inTransaction(pool, (client) => appendLocked(client, drafts, appending));
    } catch (error) {
      if (!isOvertaken(error) || attempt === APPEND_ATTEMPTS) throw error;
    }
  }
}

/** Everything that can be wrong with a draft is found before the database is asked for anything. */
function checkDraft(draft: AnyDraft, options: RecordOptions): void {
  const parsed = schemaOf(draft.kind).safeParse(
    statementOf(draft, options.process, { number: 0, digest: EMPTY_DIGEST }),
  );
  if (!parsed.success) throw invalid(`this ${draft.kind} cannot be recorded: ${z.prettifyError(parsed.error)}`);
  checkForm(draft.actionId, parsed.data);
  if (draft.actionId === null && !KINDS_WITHOUT_ACTION.includes(draft.kind))
    throw invalid(`a ${draft.kind} is always about an action`);
  signerFor(draft.kind, options);
}

function signerFor(kind: StatementKind, { signers, process }: RecordOptions): Signer {
  const purposes = SIGNERS_OF[kind];
  // What an agent states is in no process's chain, whoever signed it: it goes by `appendAgentStatement`.
  for (const purpose of purposes.includes('agent') ? [] : purposes) {
    const signer = purpose === 'agent' ? undefined : signers[purpose];
    if (signer !== undefined) return signer;
  }
  throw invalid(`the ${process} has no key to sign a ${kind} with`);
}

async function ofActions(
  pool: pg.Pool,
  { actionIds, kinds }: { actionIds: readonly string[]; kinds: readonly StatementKind[] | undefined },
  verify: Verify,
): Promise<(AnyRecorded[] | Refusal)[]> {
  const read: (AnyRecorded[] | Refusal)[] = [];
  for (let start = 0; start < actionIds.length; start += MAX_ACTIONS_READ) {
    const ids = actionIds.slice(start, start + MAX_ACTIONS_READ);
    const byAction = new Map(ids.map((id): [string, StatementRow[]] => [id, []]));
    const rows = await query<StatementRow>(pool, OF_ACTIONS, [ids, kinds]);
    for (const row of rows) byAction.get(row.action_id ?? '')?.push(row);
    for (const id of ids) {
      read.push(verifiedOrNot(byAction.get(id) ?? [], verify));
      // The signatures of many take a while: others are served in between.
      await setImmediate();
    }
  }
  return read;
}

/** One tampered action must not hide the others. */
function verifiedOrNot(rows: readonly StatementRow[], verify: Verify): AnyRecorded[] | Refusal {
  try {
    return verified(rows, verify);
  } catch (error) {
    if (error instanceof Refusal && error.code === 'statement_invalid') return error;
    throw error;
  }
}

/** One action's rows as statements. @throws Refusal `statement_invalid` */
function verified(rows: readonly StatementRow[], verify: Verify): AnyRecorded[] {
  const statements = rows.map((row) => recordedFrom(row, verify));
  checkSubjects(statements);
  return statements;
}

/** Every statement must be about the request that holds the action id; a refusal may be about something else that was sent. */
function checkSubjects(statements: readonly AnyRecorded[]): void {
  const requests = statements.filter((statement) => statement.kind === 'request');
  if (requests.length > 1) throw invalid('two requests hold the same action id');
  const [request] = requests;
  for (const { kind, statement, body } of statements) {
    if (kind === 'refusal') continue;
    if (request === undefined) throw invalid(`there is a ${kind}, but no request, under this action id`);
    // Verified to be the digest of the request's body.
    if (statement.subject[0].digest.sha256 !== request.statement.subject[0].digest.sha256)
      throw invalid(`a ${kind} is about another request`);
    if (kind === 'withdrawal' && body.agent !== request.body.agent) throw invalid('another agent withdrew the request');
  }
}

async function listActions(pool: pg.Pool, { agent, open, concluded, limit, before }: ActionFilter): Promise<string[]> {
  const rows = await query<{ action_id: string }>(
    pool,
    `select action_id from countersign.requests r
     where ($1::text is null or agent = $1) and ($2::text is null or action_id < $2)
       and (not $3 or not exists (select from countersign.statements s where s.action_id = r.action_id and s.kind = 'receipt'))
       and (not $5 or exists (select from countersign.statements s where s.action_id = r.action_id and s.kind = 'receipt'))
     order by action_id desc limit $4`,
    [agent ?? null, before ?? null, open ?? false, limit, concluded ?? false],
  );
  return rows.map((row) => row.action_id);
}
