import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Secret } from '../../../src/core/secret.js';
import type { OperationHost } from '../../../src/operations/operation.js';
import type { AwsTarget } from '../../../src/targets/aws.js';
import { createAwsWitness } from '../../../src/targets/aws/witness.js';
import { createVaultClient } from '../../../src/vault/client.js';

const ACTION_ID = '01ARZ3NDEKTSV4RRFFQ69G5FAV';
const LOGIN = { access_key: 'AKIAWITNESSWITNESS00', secret_key: 'secret', session_token: null };

/** Vault and IAM in one: Vault knows the witness's role alone, IAM lists page after page. */
let server: Server;
let address: string;
let pages: string[][];
let asked: (string | null)[];
beforeAll(async () => {
  server = createServer((request, response) => {
    const { method, url } = request;
    if (method === 'GET' && url === '/v1/aws/creds/witness')
      return void response.end(JSON.stringify({ lease_id: 'aws/creds/witness/1', lease_duration: 60, data: LOGIN }));
    if (url?.startsWith('/v1/') === true)
      return void response.writeHead(method === 'GET' ? 404 : 204).end(method === 'GET' ? '{"errors":[]}' : '');
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      asked.push(new URLSearchParams(Buffer.concat(parts).toString()).get('Marker'));
      response
        .setHeader('content-type', 'text/xml')
        .end(listed(pages[asked.length - 1] ?? [], asked.length < pages.length));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  address = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});
beforeEach(() => {
  asked = [];
});

function listed(names: string[], isTruncated: boolean): string {
  const users = names.map((name) => `<member><UserName>${name}</UserName></member>`).join('');
  const more = `<IsTruncated>${String(isTruncated)}</IsTruncated>${isTruncated ? `<Marker>page-${String(asked.length)}</Marker>` : ''}`;
  return `<ListUsersResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListUsersResult><Users>${users}</Users>${more}</ListUsersResult></ListUsersResponse>`;
}

async function prove(): Promise<string[]> {
  const target: AwsTarget = {
    kind: 'aws',
    name: 'cloud',
    environment: 'production',
    owners: ['dana'],
    hours: { timeZone: 'UTC', from: 8, to: 18 },
    accountId: '123456789012',
    partition: 'aws',
    credentials: {
      type: 'iam_user',
      permissionsBoundaryArn: 'arn:aws:iam::123456789012:policy/boundary',
      witnessRole: 'witness',
    },
    vault: { mount: 'aws', rolePrefix: 'cloud', previewTokenRole: 'preview', executeTokenRole: 'execute' },
    ownIdentities: {},
    endpoint: address,
  };
  const vault = createVaultClient({ address, credential: () => new Secret('hvs.witness') });
  const host: OperationHost = {
    scratchDir: '/nonexistent',
    program: (name) => {
      throw new Error(`the witness starts no ${name}`);
    },
  };
  const witness = createAwsWitness({ vault, clock: Date.now, host });
  const ended = { target, actionId: ACTION_ID, purpose: 'execute' as const, username: null, vaultRole: null };
  try {
    const proofs = await witness.proveGone({ ...ended, leasedAtMs: Date.now(), ttlSeconds: 60 });
    return proofs.map(({ answer }) => answer);
  } finally {
    await witness.close();
  }
}

it('a user of the action who is on a later page than the first is not gone', async () => {
  pages = [[], ['left']];
  await expect(prove()).rejects.toThrow('cloud still knows left.');
  expect(asked).toEqual([null, 'page-1']);
});

it('what no page names is gone', async () => {
  pages = [[], []];
  expect(await prove()).toEqual(['404', '0 users']);
});
