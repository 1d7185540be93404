import type { StatementBody } from '../../core/schemas/statements.js';
import type { About, EventParts } from './event.js';
import { actionEntity, actorProcess, STATUS } from './parts.js';
import { withoutAbsent } from './text.js';

/** A process now judges by this policy bundle. */
export function ofAdoption(body: StatementBody<'adoption'>, about: About): EventParts {
  const { number, digest, previous, genesis, change, adoptedAtMs } = body;
  const policy = { uid: digest, version: String(number), name: 'countersign policy' };
  return {
    class: 'entity_management',
    activity: 'activate',
    atMs: adoptedAtMs,
    severity: change === null ? 'info' : 'low',
    message: `The ${about.process ?? 'process'} judges by policy number ${String(number)} from now on.`,
    attributes: {
      ...actorProcess(about),
      entity: { name: 'countersign policy', uid: digest, version: String(number), type_id: 5, policy },
      policy: { ...policy, is_applied: true },
      ...STATUS.success,
    },
    unmapped: withoutAbsent({ previous: previous ?? undefined, genesis, change: change ?? undefined }),
  };
}

export function ofArchive({ histories, policies, archivedAtMs }: StatementBody<'archive'>, about: About): EventParts {
  return {
    class: 'entity_management',
    activity: 'update',
    atMs: archivedAtMs,
    message: `What is kept of the action: ${String(histories.length)} workflow histories, ${String(policies.length)} policies.`,
    attributes: { ...actorProcess(about), ...actionEntity(about), ...STATUS.success },
    unmapped: {
      histories: histories.map(({ runId, sha256, bytes, events, kept }) => ({
        run_id: runId,
        sha256,
        bytes,
        events,
        kept,
      })),
      policies: policies.map(({ digest, sha256 }) => ({ digest, sha256 })),
    },
  };
}
