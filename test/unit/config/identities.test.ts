import { expect, test } from 'vitest';
import { parseConfig } from '../../../src/config/common.js';
import { gatewayConfigSchema } from '../../../src/config/gateway.js';

const settings = {
  COUNTERSIGN_RECORD_URL: 'postgres://gateway@127.0.0.1/record',
  COUNTERSIGN_VAULT_ADDRESS: 'http://127.0.0.1:8200',
  COUNTERSIGN_VAULT_ROLE: 'gateway',
  COUNTERSIGN_VAULT_ROLE_ID: 'id',
  COUNTERSIGN_VAULT_WRAPPED_SECRET_ID: 'wrapped',
  COUNTERSIGN_POLICY_DIR: 'policies/example',
  COUNTERSIGN_POLICY_DIGEST: 'a'.repeat(64),
  COUNTERSIGN_ROOT_KEY: 'AAAA',
  COUNTERSIGN_KEYRING_FILE: 'keyring.json',
  COUNTERSIGN_ARTEFACTS_DIR: 'artefacts',
  COUNTERSIGN_OIDC_ISSUER: 'https://people.example.com',
};
const cluster = { name: 'cluster', issuer: 'https://cluster.example.com', audience: 'countersign' };
const parse = (change: Record<string, string>) => parseConfig(gatewayConfigSchema, { ...settings, ...change });
const issuers = (...all: unknown[]) => ({ COUNTERSIGN_WORKLOAD_ISSUERS: JSON.stringify(all) });

test('without settings no workload is taken, and prompters have an audience of their own', () => {
  expect(parse({})).toMatchObject({
    COUNTERSIGN_WORKLOAD_ISSUERS: [],
    COUNTERSIGN_OIDC_PROMPTER_AUDIENCES: ['countersign-prompter'],
  });
});

test('an issuer gets asymmetric algorithms and an hour by default', () => {
  expect(parse(issuers(cluster)).COUNTERSIGN_WORKLOAD_ISSUERS).toEqual([
    { ...cluster, algorithms: ['RS256', 'ES256', 'EdDSA', 'Ed25519'], maxLifetimeSeconds: 3_600 },
  ]);
  const spiffe = { ...cluster, issuer: 'spiffe-domain', jwksUrl: 'https://spire.example.com/keys' };
  expect(parse(issuers(cluster, { ...spiffe, name: 'spire' })).COUNTERSIGN_WORKLOAD_ISSUERS).toHaveLength(2);
});

test.each<[string, Record<string, string>, RegExp]>([
  ['no JSON', { COUNTERSIGN_WORKLOAD_ISSUERS: 'cluster' }, /must be a JSON array/],
  ['a shared secret', issuers({ ...cluster, algorithms: ['HS256'] }), /algorithms/],
  ['no signature', issuers({ ...cluster, algorithms: ['none'] }), /algorithms/],
  ['no algorithm', issuers({ ...cluster, algorithms: [] }), /algorithms/],
  ['keys in clear', issuers({ ...cluster, jwksUrl: 'http://cluster.example.com/keys' }), /https/],
  ['discovery in clear', issuers({ ...cluster, issuer: 'http://cluster.example.com' }), /jwksUrl/],
  ['no address and no keys', issuers({ ...cluster, issuer: 'spiffe-domain' }), /jwksUrl/],
  ['a name twice', issuers(cluster, { ...cluster, issuer: 'https://b.example.com' }), /names must differ/],
  ['an issuer twice', issuers(cluster, { ...cluster, name: 'b' }), /issuers must differ/],
  ['a field of its own', issuers({ ...cluster, insecure: true }), /insecure/],
  ['tokens for weeks', issuers({ ...cluster, maxLifetimeSeconds: 1_000_000 }), /maxLifetimeSeconds/],
  ['people’s issuer', issuers({ ...cluster, issuer: settings.COUNTERSIGN_OIDC_ISSUER }), /COUNTERSIGN_OIDC_ISSUER/],
  [
    'a prompter’s audience that decides',
    { COUNTERSIGN_OIDC_PROMPTER_AUDIENCES: 'chat, countersign' },
    /agent could decide/,
  ],
  ['an empty audience', { COUNTERSIGN_OIDC_PROMPTER_AUDIENCES: 'chat,' }, /separated by commas/],
])('%s is refused', (_, change, why) => {
  expect(() => parse(change)).toThrow(why);
});
