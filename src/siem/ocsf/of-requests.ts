import type { JsonObject } from '../../core/json.js';
import { digestOf } from '../../core/json.js';
import type { StatementBody } from '../../core/schemas/statements.js';
import type { About, EventParts } from './event.js';
import { actionEntity, actorAgent, actorProcess, personUser, STATUS } from './parts.js';
import { firstNames, named, said, withoutAbsent } from './text.js';

export function ofRequest(body: StatementBody<'request'>, about: About): EventParts {
  const { agent, operation, params, logs, tainted, replaces, expiresAtMs } = body;
  return {
    class: 'entity_management',
    activity: 'create',
    // By our clock: an agent's own may be wrong.
    atMs: about.recordedAtMs,
    severity: tainted === true ? 'low' : 'info',
    message: `${named(agent)} asked for ${named(operation)}.`,
    attributes: { ...actorAgent(agent), ...actionEntity(about), comment: said(body.reason), ...STATUS.success },
    unmapped: withoutAbsent({
      operation: named(operation),
      // Names and a digest: values may hold what no SIEM should.
      params: { names: firstNames(Object.keys(params)), sha256: digestOrNull(params) },
      logs,
      tainted,
      replaces,
      expires_at_ms: expiresAtMs,
    }),
  };
}

export function ofWithdrawal({ agent, reason }: StatementBody<'withdrawal'>, about: About): EventParts {
  return {
    class: 'entity_management',
    activity: 'deactivate',
    atMs: about.recordedAtMs,
    message: `${named(agent)} withdrew its request.`,
    attributes: { ...actorAgent(agent), ...actionEntity(about), comment: said(reason), ...STATUS.success },
  };
}

export function ofProvenance(body: StatementBody<'provenance'>, about: About): EventParts {
  const { prompters, schedulers, verifiedAtMs } = body;
  return {
    class: 'entity_management',
    activity: 'update',
    atMs: verifiedAtMs,
    message: 'People on whose behalf the agent asked proved who they are.',
    attributes: { ...actorProcess(about), ...actionEntity(about), ...STATUS.success },
    unmapped: { prompters: firstNames(prompters), schedulers: firstNames(schedulers) },
  };
}

export function ofAttachment(body: StatementBody<'attachment'>, about: About): EventParts {
  const { kind, sentSha256, storedSha256, bytes, redactions } = body;
  return {
    class: 'entity_management',
    activity: 'update',
    message: `The agent's ${kind} came with the request.`,
    attributes: { ...actorProcess(about), ...actionEntity(about), ...STATUS.success },
    unmapped: {
      kind,
      bytes,
      sent_sha256: sentSha256,
      stored_sha256: storedSha256,
      redactions: redactions.slice(0, 20).map(({ rule, count }) => ({ rule, count })),
    },
  };
}

export function ofFetch({ by, artefactDigest, fetchedAtMs }: StatementBody<'fetch'>, about: About): EventParts {
  const who: JsonObject = { user: personUser(by), app_name: 'countersign-gateway' };
  return {
    class: 'api_activity',
    activity: 'read',
    atMs: fetchedAtMs,
    message: `${named(by)} fetched an output of the action.`,
    attributes: {
      actor: who,
      api: {
        operation: 'artefact.fetch',
        service: { name: 'countersign' },
        request: { uid: about.actionId ?? 'unknown' },
      },
      src_endpoint: { name: 'countersign-gateway', svc_name: 'countersign' },
      resources: [{ uid: artefactDigest, name: 'output', type: 'output', role_id: 1 }],
      ...STATUS.success,
    },
  };
}

function digestOrNull(params: JsonObject): string | null {
  try {
    return digestOf(params);
  } catch {
    return null;
  }
}
