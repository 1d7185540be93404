import type { Client } from 'pg';
import { OutcomeUnknown, ServiceFault } from '../../core/errors.js';
import type { JsonObject } from '../../core/json.js';
import type { Flag, Preview } from '../../core/schemas/action.js';
import type { PostgresTarget } from '../../targets/postgres.js';
import type { DatabaseLogin } from '../../vault/credentials/database.js';
import { withSession, type SessionKind, type SessionOptions } from '../database-export/session.js';
import { flag } from '../common-flags.js';
import type { ExecuteContext, FoundOutcome, OutcomeContext } from '../operation.js';
import type { DatabaseGrantParams } from './params.js';
import { grantsOf, previewGrant, readTouched, type GrantPreview } from './preview.js';
import { becomeAdmin } from './statements.js';

type GrantContext = ExecuteContext<DatabaseGrantParams, PostgresTarget, DatabaseLogin>;

const READ_TIMEOUT_MS = 15_000;
const BEGIN_READ = 'BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY';
// READ COMMITTED: what is read back shows our own changes and whatever others committed meanwhile.
const BEGIN_WRITE = 'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE';
const REFUSED = { code: 'change_forbidden', field: 'params.changes' } as const;

/** A session that reads catalogs. */
export const READING: SessionKind = { operation: 'database.grant', begin: BEGIN_READ, refused: REFUSED };
const WRITING: SessionKind = { operation: 'database.grant', begin: BEGIN_WRITE, refused: REFUSED };

/**
 * Changes privileges as the durable role: previews again, begins the effect, applies, reads back, and commits only what is
 * exactly what was shown. After the commit it is read once more, in a transaction of its own.
 */
export async function executeGrant(context: GrantContext): Promise<JsonObject> {
  const { params, target, credential, signal } = context;
  const phase: Phase = { begun: false, committing: null };
  const timeoutMs = Math.max(1, credential.expiresAtMs - Date.now());
  const session = { target, credential, signal, timeoutMs, quoteServer: () => !phase.begun };
  try {
    return await withSession(WRITING, session, async (client) => {
      const shown = await apply(client, context, phase);
      phase.committing = shown;
      await client.query('COMMIT');
      return resultOf(shown, await readAfter(client, params));
    });
  } catch (error) {
    if (phase.committing === null) throw error;
    return await afterLostCommit(session, params, phase.committing);
  }
}

interface Phase {
  begun: boolean;
  /** Set when COMMIT is on its way: from then on only the target can tell. */
  committing: GrantPreview | null;
}

async function apply(client: Client, context: GrantContext, phase: Phase): Promise<GrantPreview> {
  const { params, target } = context;
  await client.query(becomeAdmin(grantsOf(target).admin));
  // One change at a time: the next one waits here, and previews what this one left.
  await client.query(
    "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('countersign database.grant', 0))",
  );
  const shown = await previewGrant(client, { params, target, pastChanges: 1, nowMs: Date.now() });
  await context.beginEffect({ preview: shown.preview, flags: shown.flags });
  phase.begun = true;
  for (const statement of shown.statements) await client.query(statement);
  // GRANT locks what it changes until the commit: nobody can get between this and the commit.
  if ((await readTouched(client, params.changes)) !== shown.afterDigest) {
    throw new ServiceFault(
      'target',
      `${target.name} would not have become what was shown, so nothing was committed: somebody else changed it at the same time, or it does not grant as PostgreSQL documents.`,
      false,
    );
  }
  return shown;
}

/** What stands after the commit; null when it could not be asked: the commit itself is certain. */
async function readAfter(client: Client, { changes }: DatabaseGrantParams): Promise<string | null> {
  try {
    await client.query(BEGIN_READ);
    const digest = await readTouched(client, changes);
    await client.query('COMMIT');
    return digest;
  } catch {
    return null;
  }
}

/** The answer to COMMIT never came: the state tells. The old session is at its end, so the state no longer changes. */
async function afterLostCommit(
  session: SessionOptions,
  { changes }: DatabaseGrantParams,
  shown: GrantPreview,
): Promise<JsonObject> {
  const { target } = session;
  const signal = AbortSignal.timeout(READ_TIMEOUT_MS);
  const digest = await withSession(READING, { ...session, signal, timeoutMs: READ_TIMEOUT_MS }, (client) =>
    readTouched(client, changes),
  ).catch(() => null);
  if (digest === shown.afterDigest) return resultOf(shown, digest);
  const lost = `The connection to ${target.name} was lost at the commit`;
  if (digest === shown.preview.estimate['before'])
    throw new ServiceFault('target', `${lost}; nothing was changed.`, false);
  throw new OutcomeUnknown(`${lost}, and it is not known whether the changes were made: ask the target.`);
}

function resultOf({ preview, afterDigest, statements }: GrantPreview, observed: string | null): JsonObject {
  return {
    statements: statements.length,
    allowed: preview.estimate['allowed'] ?? 0,
    lost: preview.estimate['lost'] ?? 0,
    declared: afterDigest,
    observed,
    undo: preview.estimate['undo'] ?? null,
  };
}

/** After a crash: the privileges themselves say whether the one transaction was committed. */
export async function findGrantOutcome({
  params,
  target,
  approved,
  lease,
}: OutcomeContext<DatabaseGrantParams, PostgresTarget, DatabaseLogin>): Promise<FoundOutcome> {
  const { before, after, allowed = 0, lost = 0, undo = null } = approved.estimate;
  const credential = await lease();
  const session = {
    target,
    credential,
    signal: AbortSignal.timeout(READ_TIMEOUT_MS),
    timeoutMs: READ_TIMEOUT_MS,
    quoteServer: () => false,
  };
  const observed = await withSession(READING, session, (client) => readTouched(client, params.changes));
  if (observed === after) {
    const declared = typeof after === 'string' ? after : null;
    return { kind: 'done', result: { allowed, lost, declared, observed, undo } };
  }
  return {
    kind: 'unknown',
    message:
      observed === before
        ? 'The changes were not made: the transaction was not committed, and all is as it was before.'
        : 'The privileges are neither as they were before nor as they were to be: somebody else changed them too.',
  };
}

/** Compares what was declared with what was read after the commit. */
export function effectFlags(preview: Preview, result: JsonObject): Flag[] {
  const { observed } = result;
  if (observed === null || observed === undefined)
    return [flag('effect_unverified', 'medium', 'The changes were committed, but could not be read back afterwards.')];
  if (observed === preview.estimate['after']) return [];
  return [flag('effect_mismatch', 'critical', 'After the commit, the privileges were not what had been shown.')];
}
