import { afterAll, beforeAll, it } from 'vitest';
import { installForTest, type TestInstallation, type TestProcess } from '../support/installation.js';
import { recordRequest, refusalDraft } from '../support/statements.js';
import { createLeases } from '../../src/vault/vault-leases.js';
let installation: TestInstallation; let gateway: TestProcess; let executor: TestProcess;
beforeAll(async () => { installation = await installForTest(); gateway = await installation.become('gateway'); executor = await installation.become('executor'); });
afterAll(() => installation.close());
const p = (xs: number[], q: number) => xs.sort((a, b) => a - b)[Math.floor(xs.length * q)]?.toFixed(2);
it('perf', async () => {
  const r = await recordRequest(gateway.record, installation.agent);
  for (const keyed of [false, true]) {
    const times: number[] = [];
    for (let i = 0; i < 300; i++) { const t = performance.now(); await gateway.record.append([refusalDraft(r, 'x', keyed ? `k${i}` : undefined)]); times.push(performance.now() - t); }
    console.log('append keyed', keyed, 'p50', p(times, 0.5), 'p95', p(times, 0.95));
  }
  const t0 = performance.now();
  await Promise.all(Array.from({ length: 300 }, () => gateway.record.append([refusalDraft(r)])));
  console.log('300 parallel', performance.now() - t0);
  const q = await recordRequest(gateway.record, installation.agent);
  await gateway.record.append([refusalDraft(q), refusalDraft(q), refusalDraft(q), refusalDraft(q), refusalDraft(q)]);
  const of: number[] = []; for (let i = 0; i < 50; i++) { const t = performance.now(); await gateway.record.ofAction(q.actionId); of.push(performance.now() - t); }
  console.log('ofAction 6 statements first', of[0], 'p50', p(of, 0.5));
  const verify: number[] = []; const appends: number[] = [];
  const leases = createLeases({ client: executor.vault, record: executor.record, claims: executor.claims, witness: null, clock: Date.now });
  for (let i = 0; i < 50; i++) { const q2 = await recordRequest(gateway.record, installation.agent); let t = performance.now(); const c = await leases.open({ ...q2, actionDigest: q2.requestDigest, runId: 'r', step: 's', purpose: 'execute', tokenRole: installation.vault.tokenRoles[1] ?? '', credentialPath: `${installation.vault.mounts.database}/creds/orders-execute`, target: 'orders', ttlSeconds: 60 }); verify.push(performance.now() - t); t = performance.now(); await leases.revoke(c); appends.push(performance.now() - t); }
  console.log('lease open p50', p(verify, 0.5), 'revoke p50', p(appends, 0.5));
});
