import type { JsonObject } from '../../core/json.js';
import type { FreezeScope, StatementBody } from '../../core/schemas/statements.js';
import type { About, EventParts } from './event.js';
import { actorProcess, agentUser, personUser, STATUS } from './parts.js';
import { named, said, withoutAbsent } from './text.js';

export function ofFreeze(body: StatementBody<'freeze'>, about: About): EventParts {
  const shared = { class: 'entity_management', activity: 'suspend', atMs: body.frozenAtMs, severity: 'high' } as const;
  if (body.because === 'effect_mismatch') {
    const { agent, because, incident } = body;
    return {
      ...shared,
      message: `${agent} is frozen: nothing that it asks for is admitted or run.`,
      attributes: { ...actorProcess(about), ...frozen({ kind: 'agent', agent }), ...STATUS.success },
      unmapped: { because, incident },
    };
  }
  const { scope, reason, by, via } = body;
  return {
    ...shared,
    message: `${by.person} froze ${wordsOf(scope)}: nothing of it is admitted or run.`,
    attributes: { ...personAt(by, about), ...frozen(scope), comment: said(reason), ...STATUS.success },
    unmapped: { because: body.because, scope: scope.kind, via: { channel: via.channel, subject: named(via.subject) } },
  };
}

export function ofUnfreeze(body: StatementBody<'unfreeze'>, about: About): EventParts {
  const { agent, freeze, reason, by, via, unfrozenAtMs } = body;
  return {
    class: 'entity_management',
    activity: 'resume',
    atMs: unfrozenAtMs,
    severity: 'medium',
    message: `${by.person} lifted a freeze${agent === undefined ? '' : ` of ${agent}`}.`,
    attributes: {
      ...personAt(by, about),
      // Of a freeze by a person, its digest alone is named.
      ...(agent === undefined
        ? { entity: { name: 'freeze', uid: freeze, type_id: 99, type: 'freeze' } }
        : frozen({ kind: 'agent', agent })),
      comment: said(reason),
      ...STATUS.success,
    },
    unmapped: withoutAbsent({ freeze, via: { channel: via.channel, subject: named(via.subject) } }),
  };
}

function personAt({ person, group }: { person: string; group: string }, { process }: About): JsonObject {
  return { actor: { user: personUser(person, [group]), app_name: `countersign-${process ?? 'gateway'}` } };
}

function frozen(scope: FreezeScope): JsonObject {
  switch (scope.kind) {
    case 'agent':
      return { entity: { name: scope.agent, uid: scope.agent, type_id: 2, user: agentUser(scope.agent) } };
    case 'operation':
      return { entity: { name: scope.operation, uid: scope.operation, type_id: 99, type: 'operation' } };
    case 'all':
      return { entity: { name: 'all actions', uid: 'all', type_id: 99, type: 'all' } };
  }
}

function wordsOf(scope: FreezeScope): string {
  if (scope.kind === 'all') return 'everything';
  return scope.kind === 'agent' ? `the agent ${scope.agent}` : `the operation ${scope.operation}`;
}
