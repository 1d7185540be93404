import { ulid } from 'ulid';
import { isRefusalCode } from '../../src/core/errors.js';
import type { ActionView } from '../../src/record/action-view.js';
import { until } from '../support/until.js';
import type { Office, Who } from './channel-office.js';
import type { Answer, Attempt, StartedChannel } from './channel-subject.js';

/** What a person's requests carry. */
export type HeadersOf = (who: Who, method: 'GET' | 'POST') => Promise<Record<string, string>>;

/** People at the gateway's own HTTP API, however they prove who they are. */
export function sitAtHttp({ stack, waiting }: Office, headersOf: HeadersOf): StartedChannel {
  const send = async (
    { shown: { actionId, actionDigest }, who, decision, reason }: Attempt,
    key: string,
  ): Promise<Answer> => {
    const answer = await fetch(`${stack.gatewayUrl}/v1/actions/${actionId}/decision`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key, ...(await headersOf(who, 'POST')) },
      body: JSON.stringify({ decision, actionDigest, reason: reason ?? (decision === 'deny' ? 'Not like this.' : '') }),
    });
    const { code, detail = '' } = (await answer.json()) as { code?: string; detail?: string };
    if (answer.status === 200) return { refused: null, words: '' };
    if (!isRefusalCode(code)) throw new Error(`the gateway answered ${String(answer.status)}: ${detail}`);
    return { refused: code, words: detail };
  };
  const read = async (actionId: string): Promise<ActionView> => {
    const headers = await headersOf('carol', 'GET');
    const answer = await fetch(`${stack.gatewayUrl}/v1/actions/${actionId}`, { headers });
    if (answer.status !== 200) throw new Error(`the gateway answered ${String(answer.status)}`);
    return (await answer.json()) as ActionView;
  };
  return {
    async shown(actionId) {
      await waiting(actionId);
      const { actionDigest } = await read(actionId);
      return { actionId, actionDigest: actionDigest ?? '', where: null };
    },
    decide: (attempt) => send(attempt, ulid()),
    async decideTwice(attempt) {
      const key = ulid();
      return Promise.all([send(attempt, key), send(attempt, key)]);
    },
    async showings(actionId) {
      const answer = await fetch(`${stack.gatewayUrl}/v1/queue`, { headers: await headersOf('carol', 'GET') });
      const { actions } = (await answer.json()) as { actions: { actionId: string }[] };
      return actions.filter((action) => action.actionId === actionId).length;
    },
    async ended(actionId) {
      await until(async () => (await read(actionId)).state === 'done');
      const { outcome, decisions, ...view } = await read(actionId);
      if (outcome === null) throw new Error('it is done without an outcome');
      const by = (decision: 'approve' | 'deny'): Who[] =>
        decisions.filter((one) => one.current && one.decision === decision).map(({ person }) => person as Who);
      const text = JSON.stringify({ outcome, decisions, ...view });
      return { status: outcome.status, approvedBy: by('approve'), deniedBy: by('deny'), text };
    },
    stop: async () => undefined,
  };
}
