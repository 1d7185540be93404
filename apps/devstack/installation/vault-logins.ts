import { z } from 'zod';
import type { ProcessName } from '../../../src/core/schemas/statements.js';
import type { Secret } from '../../../src/core/secret.js';
import { parseAnswer, wrapSchema } from '../../../src/vault/answers.js';
import type { VaultClient } from '../../../src/vault/client.js';
import type { Names } from './names.js';
import { executorPolicy } from './vault-policies/executor.js';
import { gatewayPolicy } from './vault-policies/gateway.js';
import { notaryPolicy } from './vault-policies/notary.js';
import type { PolicyScope } from './vault-policies/rules.js';
import { workerPolicy } from './vault-policies/worker.js';

/** One policy per process: what its Vault identity may do, and nothing else. */
export const PROCESS_POLICIES: Readonly<Record<ProcessName, (scope: PolicyScope) => string>> = {
  gateway: gatewayPolicy,
  worker: workerPolicy,
  executor: executorPolicy,
  notary: notaryPolicy,
};

/** What a process logs in to Vault with, once. */
export interface ProcessLogin {
  /** Mount of the AppRole method. */
  mount: string;
  role: string;
  roleId: string;
  wrappedSecretId: Secret;
}

const TOKEN_PERIOD_SECONDS = 3_600;
const SECRET_ID_WRAP_TTL_SECONDS = 300;

/** Makes policy and AppRole of each process. */
export async function installLogins(admin: VaultClient, scope: PolicyScope): Promise<void> {
  const { names } = scope;
  await admin.write(`sys/auth/${names.approleMount}`, { type: 'approle' });
  for (const [process, policy] of Object.entries(PROCESS_POLICIES)) {
    const name = names.process(process);
    await admin.write(`sys/policies/acl/${name}`, { policy: policy(scope) });
    await admin.write(`auth/${names.approleMount}/role/${process}`, {
      token_policies: [name],
      token_no_default_policy: true,
      token_period: `${String(TOKEN_PERIOD_SECONDS)}s`,
      secret_id_num_uses: 1,
      secret_id_ttl: `${String(SECRET_ID_WRAP_TTL_SECONDS)}s`,
    });
  }
}

/** A fresh login for one start of one process: the secret id is wrapped, and works once. */
export async function issueLogin(admin: VaultClient, names: Names, process: ProcessName): Promise<ProcessLogin> {
  const path = `auth/${names.approleMount}/role/${process}`;
  const roleIdSchema = z.object({ data: z.object({ role_id: z.string() }) });
  const { data } = parseAnswer(roleIdSchema, await admin.read(`${path}/role-id`), path);
  const wrapped = parseAnswer(
    wrapSchema,
    await admin.write(`${path}/secret-id`, {}, { wrapTtlSeconds: SECRET_ID_WRAP_TTL_SECONDS }),
    path,
  );
  return { mount: names.approleMount, role: process, roleId: data.role_id, wrappedSecretId: wrapped.wrap_info.token };
}
