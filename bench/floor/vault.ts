import { z } from 'zod';

/** How a process of the floor reaches Vault; the login works once. */
export interface BareVaultConfig {
  address: string;
  transitMount: string;
  /** The transit key to sign with. */
  purpose: string;
  login: { mount: string; roleId: string; wrappedSecretId: string };
}

export interface WrappedToken {
  accessor: string;
  wrapping: string;
}

/** What names a lease. */
export interface LeaseName {
  accessor: string;
  leaseId: string;
}

export interface BareLease extends LeaseName {
  username: string;
  password: string;
}

/** The bare Vault calls of an action: one HTTP request each, nothing else checked. */
export interface BareVault {
  sign(messages: readonly Uint8Array[]): Promise<string[]>;
  createWrapped(tokenRole: string, actionId: string): Promise<WrappedToken>;
  /** Unwraps the token and reads the credential with it. */
  readCredential(path: string, wrapped: WrappedToken): Promise<BareLease>;
  /** Lease, synchronously, then token: one that is left would be found by Countersign's sweeper, and disturb its run. */
  revoke(lease: LeaseName): Promise<void>;
  /** Asks for lease and token, which Vault must know no more. */
  prove(lease: LeaseName): Promise<void>;
}

const tokenSchema = z.object({ auth: z.object({ client_token: z.string() }) });
const secretIdSchema = z.object({ data: z.object({ secret_id: z.string() }) });
const wrapSchema = z.object({ wrap_info: z.object({ token: z.string(), wrapped_accessor: z.string() }) });
const credentialSchema = z.object({
  lease_id: z.string(),
  data: z.object({ username: z.string(), password: z.string() }),
});
const signedSchema = z.object({ data: z.object({ batch_results: z.array(z.object({ signature: z.string() })) }) });

/** Logs in as one of the installation's processes. */
export async function openBareVault({ address, transitMount, purpose, login }: BareVaultConfig): Promise<BareVault> {
  const ask = async (path: string, body: object | null, token: string, wrap = false): Promise<unknown> => {
    const response = await fetch(`${address}/v1/${path}`, {
      method: body === null ? 'GET' : 'POST',
      headers: { 'x-vault-token': token, ...(wrap ? { 'x-vault-wrap-ttl': '60s' } : {}) },
      body: body === null ? null : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`Vault answered ${path} with ${String(response.status)}.`);
    return text === '' ? {} : JSON.parse(text);
  };
  const { data } = secretIdSchema.parse(await ask('sys/wrapping/unwrap', {}, login.wrappedSecretId));
  const credentials = { role_id: login.roleId, secret_id: data.secret_id };
  const own = tokenSchema.parse(await ask(`auth/${login.mount}/login`, credentials, '')).auth.client_token;
  return {
    async sign(messages) {
      const batch = messages.map((message) => ({ input: Buffer.from(message).toString('base64') }));
      const answer = await ask(`${transitMount}/sign/${purpose}`, { batch_input: batch }, own);
      return signedSchema.parse(answer).data.batch_results.map(({ signature }) => signature);
    },
    async createWrapped(tokenRole, actionId) {
      const body = { display_name: actionId.toLowerCase(), meta: { action: actionId }, ttl: '60s' };
      const { wrap_info: wrap } = wrapSchema.parse(await ask(`auth/token/create/${tokenRole}`, body, own, true));
      return { accessor: wrap.wrapped_accessor, wrapping: wrap.token };
    },
    async readCredential(path, { accessor, wrapping }) {
      const { auth } = tokenSchema.parse(await ask('sys/wrapping/unwrap', {}, wrapping));
      const { lease_id: leaseId, data: leased } = credentialSchema.parse(await ask(path, null, auth.client_token));
      return { accessor, leaseId, ...leased };
    },
    async revoke({ leaseId, accessor }) {
      await ask('sys/leases/revoke', { lease_id: leaseId, sync: true }, own);
      await ask('auth/token/revoke-accessor', { accessor }, own);
    },
    async prove({ leaseId, accessor }) {
      const asked = [
        ask('sys/leases/lookup', { lease_id: leaseId }, own),
        ask('auth/token/lookup-accessor', { accessor }, own),
      ];
      for (const { status } of await Promise.allSettled(asked))
        if (status === 'fulfilled') throw new Error(`Vault still knows the lease ${leaseId}.`);
    },
  };
}
