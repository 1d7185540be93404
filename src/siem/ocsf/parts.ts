import type { JsonObject } from '../../core/json.js';
import type { About } from './event.js';
import { firstNames, named } from './text.js';

export function agentUser(name: string): JsonObject {
  return { name: named(name), uid: named(name), type: 'agent', type_id: 99 };
}

export function personUser(person: string, groups?: readonly string[]): JsonObject {
  return {
    name: named(person),
    uid: named(person),
    type_id: 1,
    ...(groups === undefined ? {} : { groups: firstNames(groups).map((name) => ({ name })) }),
  };
}

export function actorAgent(name: string): JsonObject {
  return { actor: { user: agentUser(name) } };
}

/** A process of ours; of an action, on its agent's behalf. */
export function actorProcess({ process, action }: Pick<About, 'process' | 'action'>): JsonObject {
  const user = action === null ? {} : { user: agentUser(action.agent) };
  return { actor: { app_name: `countersign-${process ?? 'gateway'}`, ...user } };
}

/** The action as the thing that is managed. */
export function actionEntity({ actionId, action }: Pick<About, 'actionId' | 'action'>): JsonObject {
  const name = action === null ? 'privileged action' : named(action.operation);
  return { entity: { name, uid: actionId ?? 'unknown', type: 'privileged action', type_id: 99 } };
}

/** The operation as an API's. */
export function operationApi({ action }: Pick<About, 'action'>, uid: string): JsonObject {
  return {
    api: {
      operation: named(action?.operation ?? 'unknown'),
      service: { name: 'countersign' },
      request: { uid },
    },
  };
}

/** The operation as an API's, and what it is about. */
export function operationCall(about: About, uid: string): JsonObject {
  const { action, process } = about;
  return {
    ...actorProcess({
      process,
      action: action ?? { agent: 'unknown', operation: 'unknown', target: null, change: null },
    }),
    ...operationApi(about, uid),
    src_endpoint: { name: `countersign-${process ?? 'gateway'}`, svc_name: 'countersign' },
    ...resourcesOf(about),
  };
}

/** The target, where it is known. */
export function resourcesOf({ action }: Pick<About, 'action'>): JsonObject {
  const target = action?.target;
  if (target === null || target === undefined) return {};
  return { resources: [{ name: target.name, type: target.kind, namespace: target.environment, role_id: 1 }] };
}

/** What a finding is: those with the same uid are one. */
export function finding(uid: string, title: string, desc: string, atMs: number, type: string): JsonObject {
  return { finding_info: { uid, title: named(title), desc, created_time: atMs, types: [type] } };
}

/** A finding has no actor of its own: it is evidence. */
export function byWhom(...actors: readonly JsonObject[]): JsonObject {
  return { evidences: [...actors] };
}

export function appOf({ process }: Pick<About, 'process'>): string {
  return `countersign-${process ?? 'gateway'}`;
}

export const STATUS = { success: { status_id: 1 }, failure: { status_id: 2 } } as const;
