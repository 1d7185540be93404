import { ulid } from 'ulid';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { createAgentToken } from '../../../src/client/agent-token.js';
import type { ActionView } from '../../../src/record/action-view.js';
import { agentSigner } from '../../support/actors.js';
import type { TestIssuer } from '../../support/issuer.js';
import type { Office, Standing } from '../channel-office.js';

interface ApiRequest {
  authorization?: string;
  body?: object;
  key?: string;
}

/** What the API turns away; people's tokens are the issuer's. */
export function refusedByApi(officeOf: () => Office, issuerOf: () => TestIssuer): void {
  describe('by the API', () => {
    let action: ActionView;
    let standing: Standing;
    const { audience } = inject('services').oidc;
    const key = ulid();
    const nowSeconds = (): number => Math.floor(Date.now() / 1_000);
    const approval = (): object => ({ decision: 'approve', reason: 'Checked.', actionDigest: action.actionDigest });
    const path = (): string => `/v1/actions/${action.actionId}/decision`;
    const bearer = async (claims: object = {}, more: object = {}): Promise<string> =>
      `Bearer ${await issuerOf().token({ ...more, claims: { aud: audience, sub: 'carol', ...claims } })}`;

    beforeAll(async () => {
      action = await officeOf().waiting(await officeOf().request('two'));
      // A DBA has approved: a data owner is still needed.
      expect((await decide({ authorization: await bearer({ sub: 'ben' }), key })).status).toBe(200);
      standing = await officeOf().standing(action.actionId);
    });

    const untouched = async (): Promise<void> => {
      expect(await officeOf().standing(action.actionId)).toEqual(standing);
    };

    const decide = async (sent: ApiRequest): Promise<{ status: number; json: Record<string, unknown> }> => {
      const { authorization, body = approval(), key: idempotencyKey = ulid() } = sent;
      const answer = await fetch(officeOf().stack.gatewayUrl + path(), {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'idempotency-key': idempotencyKey,
          ...(authorization !== undefined && { authorization }),
        },
        body: JSON.stringify(body),
      });
      return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
    };
    const agentToken = async (): Promise<string> => {
      const use = { audience: officeOf().stack.gatewayUrl, method: 'POST', url: officeOf().stack.gatewayUrl + path() };
      return `Countersign-Agent ${await createAgentToken(agentSigner(officeOf().stack), { ...use, nowMs: Date.now() })}`;
    };

    it.each<[string, () => Promise<ApiRequest>, number, string]>([
      ['no token', async () => ({}), 401, 'unauthenticated'],
      [
        'an expired token',
        async () => ({ authorization: await bearer({ exp: nowSeconds() - 61 }) }),
        401,
        'unauthenticated',
      ],
      [
        'a token for another audience',
        async () => ({ authorization: await bearer({ aud: 'payroll' }) }),
        401,
        'unauthenticated',
      ],
      [
        'a token of another issuer',
        async () => ({ authorization: await bearer({ iss: 'https://issuer.example' }) }),
        401,
        'unauthenticated',
      ],
      [
        'an ID token',
        async () => ({ authorization: await bearer({}, { header: { typ: 'JWT' } }) }),
        401,
        'unauthenticated',
      ],
      [
        'a token of a program (client credentials)',
        async () => ({ authorization: await bearer({ sub: 'cli', client_id: 'cli' }) }),
        401,
        'unauthenticated',
      ],
      [
        'a token of a program that is listed nowhere',
        async () => ({ authorization: await bearer({ sub: 'svc-deploy' }) }),
        403,
        'person_unknown',
      ],
      ["the agent's own token", async () => ({ authorization: await agentToken() }), 403, 'forbidden'],
      [
        'an approver named in the body',
        async () => ({ authorization: await bearer(), body: { ...approval(), approver: 'ben' } }),
        400,
        'field_invalid',
      ],
      [
        'a person named in the body',
        async () => ({ authorization: await bearer(), body: { ...approval(), person: { id: 'ben' } } }),
        400,
        'field_invalid',
      ],
      [
        'a decision that is none',
        async () => ({ authorization: await bearer(), body: { ...approval(), decision: 'approved' } }),
        400,
        'field_invalid',
      ],
      [
        'a used idempotency key, for a denial',
        async () => ({
          authorization: await bearer({ sub: 'ben' }),
          key,
          body: { ...approval(), decision: 'deny', reason: 'After all not.' },
        }),
        409,
        'idempotency_key_reused',
      ],
      [
        'a used idempotency key, with another reason',
        async () => ({
          authorization: await bearer({ sub: 'ben' }),
          key,
          body: { ...approval(), reason: 'Not even looked at.' },
        }),
        409,
        'idempotency_key_reused',
      ],
      [
        'a used idempotency key, about another version',
        async () => ({
          authorization: await bearer({ sub: 'ben' }),
          key,
          body: { ...approval(), actionDigest: 'cd'.repeat(32) },
        }),
        409,
        'idempotency_key_reused',
      ],
    ])('%s', async (_name, make, status, code) => {
      expect(await decide(await make())).toMatchObject({ status, json: { code } });
      await untouched();
    });

    it('but the same key with the same body is the same decision, and an honest token counts', async () => {
      expect((await decide({ authorization: await bearer({ sub: 'ben' }), key })).status).toBe(200);
      await untouched();
      expect(await decide({ authorization: await bearer() })).toMatchObject({ status: 200, json: { state: 'filled' } });
    });
  });
}
