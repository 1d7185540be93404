import type { PostgresTarget } from '../../targets/postgres.js';
import { databaseLogin, type DatabaseLogin } from '../../vault/credentials/database.js';
import { withSession } from '../database-export/session.js';
import type { Operation } from '../operation.js';
import { effectFlags, executeGrant, findGrantOutcome, READING } from './execute.js';
import { paramsSchema, type DatabaseGrantParams } from './params.js';
import { grantsOf, grewSince, previewGrant } from './preview.js';

const PREVIEW_TIMEOUT_MS = 15_000;

/** Changes roles and privileges of a PostgreSQL database. See docs/operations/database-grant.md. */
export const databaseGrant: Operation<DatabaseGrantParams, PostgresTarget, DatabaseLogin> = {
  name: 'database.grant',
  description: 'Grants and revokes privileges and memberships, creates and drops roles in a PostgreSQL database.',
  paramsSchema,
  targetKind: 'postgres',
  targetName: ({ target }) => target,

  check(_params, target) {
    return Promise.resolve(target)
      .then(grantsOf)
      .then(() => undefined);
  },

  credentialFor(purpose, { target }) {
    const { mount } = target.vault;
    const { vault } = grantsOf(target);
    return purpose === 'preview'
      ? databaseLogin({ tokenRole: vault.previewTokenRole, mount, role: vault.previewRole })
      : databaseLogin({ tokenRole: vault.executeTokenRole, mount, role: vault.executeRole });
  },

  momentaryFlags: ['unusual_hour', 'first_time'],

  async preview({ params, target, credential, past, nowMs, signal }) {
    const session = { target, credential, signal, timeoutMs: PREVIEW_TIMEOUT_MS, quoteServer: () => true };
    const { preview, flags } = await withSession(READING, session, (client) =>
      previewGrant(client, { params, target, pastChanges: past.sameKind, nowMs }),
    );
    return { preview, flags };
  },

  grew: grewSince,
  execute: executeGrant,
  findOutcome: findGrantOutcome,
  checkEffect: effectFlags,
};
