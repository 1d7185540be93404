import type { PostgresTarget } from '../../targets/postgres.js';
import { databaseLogin, type DatabaseLogin } from '../../vault/credentials/database.js';
import type { Operation } from '../operation.js';
import { effectFlags, grewSince } from './effect.js';
import { executeExport } from './execute.js';
import { findExportOutcome } from './find-outcome.js';
import { EXPORT_LIMITS, paramsSchema, type DatabaseExportParams } from './params.js';
import { previewInSession } from './preview.js';
import { guardSelect } from './select-guard.js';
import { withReadOnlySession } from './session.js';

const PREVIEW_TIMEOUT_MS = 15_000;

/** Exports the rows of one SELECT to a CSV or NDJSON file. See docs/operations/database-export.md. */
export const databaseExport: Operation<DatabaseExportParams, PostgresTarget, DatabaseLogin> = {
  name: 'database.export',
  description: 'Exports the rows of one SELECT from a PostgreSQL database to a CSV or NDJSON file.',
  paramsSchema,
  targetKind: 'postgres',
  targetName: ({ target }) => target,

  async check({ query, parameters }, target) {
    await guardSelect(query, parameters?.length ?? 0, target.allowedFunctions);
  },

  credentialFor(purpose, { target: { vault } }) {
    return purpose === 'preview'
      ? databaseLogin({ tokenRole: vault.previewTokenRole, mount: vault.mount, role: vault.previewRole })
      : databaseLogin({ tokenRole: vault.executeTokenRole, mount: vault.mount, role: vault.executeRole });
  },

  counts: {
    rows: {
      // Beyond this many it fails and leaves no file. The planner's guess would bound nothing.
      atMost: ({ maxRows }) => maxRows ?? EXPORT_LIMITS.rows,
      of: ({ rows }) => (typeof rows === 'number' ? rows : null),
      boundBy: 'maxRows',
    },
  },

  momentaryFlags: ['unusual_hour', 'first_time'],

  async preview({ params, target, credential, past, nowMs, signal }) {
    const session = { target, credential, signal, timeoutMs: PREVIEW_TIMEOUT_MS, quoteServer: () => true };
    const { preview, flags } = await withReadOnlySession(session, (client) =>
      previewInSession(client, { params, target, pastExports: past.sameKind, nowMs }),
    );
    return { preview, flags };
  },

  grew: grewSince,
  execute: executeExport,
  findOutcome: findExportOutcome,
  checkEffect: effectFlags,
};
