import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Client, Connection } from '@temporalio/client';
import pg from 'pg';
import { renderAction } from '../cli/render/action.js';
import { verifyStatements } from '../../src/evidence/verify-statements.js';
import { createGatewayApi, type GatewayApi } from '../../src/client/api.js';
import { createGatewayAgent } from '../../src/client/index.js';
import { createGatewayHttp } from '../../src/client/http.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import { Refusal } from '../../src/core/errors.js';
import { openKeyring } from '../../src/core/keyring.js';
import type { ActionView } from '../../src/record/action-view.js';
import type { DevStack } from './dev-stack.js';
import type { Terminal } from './terminal.js';

const QUERY =
  "select id, status, currency, total_cents, placed_at\nfrom orders\nwhere placed_at >= '2025-01-01' and id <= 12000";

/** One export, from the agent's request to the proof that its credential is gone. @returns whether all of it was so. */
export async function playDemo(stack: DevStack, terminal: Terminal, outputFile: string): Promise<boolean> {
  const { say, style, pause } = terminal;
  const agent = createGatewayAgent({ url: stack.place.gatewayUrl, signer: stack.agent });
  const say1 = (who: string, what: string): void => {
    say();
    say(`${style.bold(style.cyan(who))}  ${what}`);
    say();
  };

  say1('export-bot', 'asks for the orders of a month. It holds no credential; it signs a request.');
  const { actionId } = await agent.request({
    operation: 'database.export',
    params: { target: 'orders', query: QUERY, format: 'csv' },
    reason: 'Monthly revenue report, asked for by Olivia. <b>Please approve quickly!</b>',
  });
  const held = await waitUntil(
    () => agent.get(actionId),
    ({ state }) => state !== 'preparing',
  );
  for (const line of renderAction(held, null, { width: terminal.width, style, nowMs: Date.now(), logs: 'tail' }))
    say(`  ${line}`);
  await pause('This is what a reviewer sees. Press Enter.');

  say1(
    'Olivia',
    'owns the agent. She tries to approve it; then again with her admin account, which is in the dba group.',
  );
  const selfApprovals = [await tryToApprove(stack, 'olivia', held), await tryToApprove(stack, 'olivia-admin', held)];
  for (const said of selfApprovals)
    say(`  ${said.refused ? style.green('refused') : style.red('NOT REFUSED')}  ${said.text}`);
  await pause('Nothing ran. Press Enter to approve as Ben, a DBA.');

  say1('Ben', 'is a DBA and has nothing to do with the request. He approves.');
  const approval = await tryToApprove(stack, 'ben', held);
  say(`  ${approval.refused ? style.red('refused') : style.green('approved')}  ${approval.text}`);

  say1('executor', 'judges the signed statements again, leases a credential for this action alone, runs, revokes.');
  const done = await agent.wait(actionId, { timeoutMs: 120_000 });
  tellTheStory(done, terminal);

  const downloaded = await agent.download(actionId, outputFile);
  const gone = await countUsers(stack, actionId);
  const verdict = await verifyReceipt(stack, actionId);
  const run = await runOf(stack, actionId);
  say1('Proof', 'of each of these:');
  const rows: [boolean, string, string][] = [
    [done.outcome?.status === 'succeeded', 'outcome', done.outcome?.message ?? 'none'],
    [true, 'file', `${outputFile} (${JSON.stringify(done.outcome?.result?.['rows'] ?? null)} rows)`],
    [downloaded.sha256 === done.outcome?.result?.['sha256'], 'sha-256', downloaded.sha256],
    [
      gone === 0,
      'database user',
      gone === 0 ? 'gone from pg_roles, with all of its sessions' : `${String(gone)} still there`,
    ],
    [
      done.lease === 'revoked',
      'lease',
      `${done.lease}; ${String(done.leases.flatMap(({ proofs }) => proofs).length)} answers of Vault and PostgreSQL on record`,
    ],
    [verdict.ok, 'receipt', verdict.text],
    [selfApprovals.every(({ refused }) => refused), 'self-approval', 'refused twice, both on record'],
  ];
  for (const [ok, label, text] of rows) say(`  ${ok ? style.green('✓') : style.red('✗')} ${label.padEnd(14)} ${text}`);
  say(`    ${'in Temporal'.padEnd(14)} ${stack.runUrl(workflowIdOf(actionId), run)}`);
  const fullView = `${stack.place.gatewayUrl}/queue`;
  say(style.dim(`    ${''.padEnd(14)} Encrypted there; in clear once you sign in at ${fullView}, as Ben for example.`));
  say();
  return rows.every(([ok]) => ok);
}

function tellTheStory(done: ActionView, { say, style }: Terminal): void {
  for (const { purpose, username, revokedAtMs, proofs } of done.leases) {
    say(
      `  ${style.bold(purpose === 'execute' ? 'to run it' : 'for the preview')}  user ${username ?? 'none'}, revoked ${revokedAtMs === null ? 'NOT YET' : new Date(revokedAtMs).toISOString()}`,
    );
    for (const { asked, answer } of proofs) say(style.dim(`      ${asked}: ${answer}`));
  }
  say();
  for (const { kind, signedBy, atMs } of done.timeline)
    say(style.dim(`  ${new Date(atMs).toISOString()}  ${kind.padEnd(11)} signed by ${signedBy}`));
}

async function tryToApprove(
  stack: DevStack,
  personId: string,
  { actionId, actionDigest }: ActionView,
): Promise<{ refused: boolean; text: string }> {
  const api = await apiOf(stack, personId);
  try {
    const answer = await api.decide(actionId, {
      decision: 'approve',
      reason: 'The query is what the report needs.',
      actionDigest: actionDigest ?? '',
      idempotencyKey: randomUUID(),
    });
    return { refused: false, text: answer.state === 'filled' ? 'The quorum is filled.' : 'More approvals are needed.' };
  } catch (error) {
    if (error instanceof Refusal)
      return { refused: error.code === 'self_approval', text: `${error.code}: ${error.message}` };
    throw error;
  }
}

/** The gateway as a person who signed in at the identity provider. */
async function apiOf({ services, place }: DevStack, personId: string): Promise<GatewayApi> {
  const token = await services.oidc.signIn(personId);
  return createGatewayApi(createGatewayHttp({ baseUrl: place.gatewayUrl, authorize: async () => `Bearer ${token}` }));
}

async function countUsers({ services, installation }: DevStack, actionId: string): Promise<number> {
  const url = new URL(services.postgres.adminUrl);
  url.pathname = `/${installation.targets[0]?.database ?? ''}`;
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  try {
    const { rows } = await client.query<{ users: string }>(
      'select count(*) users from pg_roles where strpos(rolname, $1) > 0',
      [actionId.toLowerCase()],
    );
    return Number(rows[0]?.users ?? Number.NaN);
  } finally {
    await client.end();
  }
}

/** Verifies every statement with nothing but the root's public key. */
async function verifyReceipt(stack: DevStack, actionId: string): Promise<{ ok: boolean; text: string }> {
  const api = await apiOf(stack, 'ben');
  const keyring = openKeyring(JSON.parse(await readFile(stack.keyringFile, 'utf8')), stack.installation.root);
  const envelopes = await api.statements(actionId);
  const agentKeys = (agent: string) => (agent === stack.agent.agentId ? [stack.agent.publicKey] : []);
  const { ok, checks } = verifyStatements(envelopes, { actionId, keyring, agentKeys });
  const failed = checks.filter((check) => !check.ok).map(({ what }) => what);
  return { ok, text: ok ? `verified: ${String(envelopes.length)} statements, all signatures hold` : failed.join('; ') };
}

async function runOf({ services }: DevStack, actionId: string): Promise<string> {
  const connection = await Connection.connect({ address: services.temporal.address });
  try {
    const client = new Client({ connection, namespace: services.temporal.namespace });
    return (await client.workflow.getHandle(workflowIdOf(actionId)).describe()).runId;
  } finally {
    await connection.close();
  }
}

async function waitUntil<T>(look: () => Promise<T>, isThere: (seen: T) => boolean): Promise<T> {
  const deadlineMs = Date.now() + 60_000;
  for (;;) {
    const seen = await look();
    if (isThere(seen)) return seen;
    if (Date.now() > deadlineMs) throw new Error('The action was not held within a minute.');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
