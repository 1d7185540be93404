import type { StatementBody } from '../../core/schemas/statements.js';
import type { About, EventParts } from './event.js';
import { actorProcess, agentUser, STATUS } from './parts.js';
import { named, withoutAbsent } from './text.js';

export function ofLease(body: StatementBody<'lease'>, about: About): EventParts {
  const { purpose, accessor, tokenRole, ttlSeconds, runId, leasedAtMs } = body;
  return {
    class: 'authorize_session',
    activity: 'assign_privileges',
    atMs: leasedAtMs,
    message: `A lease of ${String(ttlSeconds)} s was given to ${purpose}.`,
    attributes: {
      ...actorProcess(about),
      user: agentUser(about.action?.agent ?? 'unknown'),
      privileges: [named(tokenRole)],
      session: {
        // An accessor names a token; it opens nothing.
        uid: accessor,
        issuer: 'vault',
        created_time: leasedAtMs,
        expiration_time: leasedAtMs + ttlSeconds * 1_000,
      },
      ...STATUS.success,
    },
    unmapped: withoutAbsent({ purpose, run_id: runId, target: about.action?.target ?? undefined }),
  };
}

export function ofCredential(body: StatementBody<'credential'>, about: About): EventParts {
  const { accessor, leaseId, vaultRole, username, target, issuedAtMs } = body;
  return {
    class: 'authorize_session',
    activity: 'assign_privileges',
    atMs: issuedAtMs,
    message: `A credential for ${target} was issued under the lease.`,
    attributes: {
      ...actorProcess(about),
      // The name by which the target's own logs know the action.
      user: { name: named(username), uid: named(username), type: 'leased credential', type_id: 99 },
      privileges: [named(vaultRole)],
      session: withoutAbsent({
        uid: accessor,
        issuer: 'vault',
        created_time: issuedAtMs,
        uid_alt: leaseId ?? undefined,
      }),
      ...STATUS.success,
    },
    unmapped: { target },
  };
}

export function ofRevocation({ accessor, proofs, revokedAtMs }: StatementBody<'revocation'>, about: About): EventParts {
  return {
    class: 'authorize_session',
    activity: 'revoke_privileges',
    atMs: revokedAtMs,
    message: `The lease has ended; ${String(proofs.length)} proofs say so.`,
    attributes: {
      ...actorProcess(about),
      user: agentUser(about.action?.agent ?? 'unknown'),
      privileges: ['all of the lease'],
      session: { uid: accessor, issuer: 'vault', expiration_reason: 'revoked', expiration_time: revokedAtMs },
      ...STATUS.success,
    },
    unmapped: { proofs: proofs.map(({ asked }) => named(asked)) },
  };
}
