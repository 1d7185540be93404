import { afterAll, beforeAll, expect, test } from 'vitest';
import { createWorkloadTokens, type WorkloadTokens } from '../../../src/channels/api/workload-tokens.js';
import { checkBundle } from '../../../src/policy/load-bundle.js';
import { startTestIssuer, type TestIssuer } from '../../support/issuer.js';
import { editedBundle } from '../policy/bundle-folders.js';

const bot = {
  id: 'token-bot',
  name: 'Token bot',
  owner: 'olivia',
  prompters: ['paul'],
  groups: ['data-agents'],
  jwt: { issuer: 'cluster', subject: 'bot' },
};
const clock = (): number => Math.floor(Date.now() / 1_000) * 1_000;

let issuer: TestIssuer;
let foreign: TestIssuer;
let tokens: WorkloadTokens;

beforeAll(async () => {
  [issuer, foreign] = await Promise.all([startTestIssuer(), startTestIssuer()]);
  const edit = { file: 'directory.yaml', from: null, to: `  - ${JSON.stringify(bot)}\n` };
  const { policy } = await checkBundle(await editedBundle([edit]));
  if (policy === null) throw new Error('the bundle does not load');
  const cluster = { name: 'cluster', issuer: issuer.issuer, audience: 'agents', algorithms: ['ES256'] };
  tokens = createWorkloadTokens({
    issuers: [{ ...cluster, maxLifetimeSeconds: 3_600 }],
    policy: () => policy,
    clock,
  });
});
afterAll(async () => {
  await Promise.all([issuer.stop(), foreign.stop()]);
});

const of = (from: TestIssuer, claims: Record<string, unknown> = {}): Promise<string> =>
  from.token({ claims: { aud: 'agents', sub: 'bot', client_id: undefined, ...claims }, header: { typ: 'JWT' } });
const now = (): number => clock() / 1_000;

test('a token of a listed subject is its agent’s, for as long as may be', async () => {
  expect(await tokens.read(await of(issuer, { iat: now(), exp: now() + 3_500 }))).toBe('token-bot');
});

test.each<[what: string, make: () => Promise<string>, says: RegExp]>([
  ['of an issuer that is not configured', () => of(foreign), /of no issuer that this gateway takes agents from/],
  ['that is none', async () => 'e30.e30.e30', /of no issuer that this gateway takes agents from/],
  ['that holds for too long', () => of(issuer, { exp: now() + 3_700 }), /holds for longer than 3600 seconds/],
  [
    'that held for too long when it was made',
    () => of(issuer, { iat: now() - 3_600, exp: now() + 60 }),
    /holds for longer than 3600 seconds/,
  ],
  [
    'that says it was made later',
    () => of(issuer, { iat: now() + 3_650, exp: now() + 3_700 }),
    /holds for longer than 3600 seconds/,
  ],
])('a token %s is refused, and told why', async (_, make, says) => {
  await expect(tokens.read(await make())).rejects.toMatchObject({
    code: 'unauthenticated',
    message: expect.stringMatching(says) as string,
  });
});
