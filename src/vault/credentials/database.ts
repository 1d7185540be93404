import { z } from 'zod';
import type { Secret } from '../../core/secret.js';
import { parseAnswer, secretSchema } from '../answers.js';
import type { CredentialNeed } from '../leases.js';

/** A dynamic database user. */
export interface DatabaseLogin {
  password: Secret;
}

/** What Vault's database engine answers. */
export const databaseAnswerSchema = z.object({
  lease_id: z.string().min(1).max(500),
  lease_duration: z.number().positive(),
  data: z.object({ username: z.string().min(1).max(200), password: secretSchema }),
});

/** A user of its own, by a role of Vault's database engine. */
export function databaseLogin(need: { tokenRole: string; mount: string; role: string }): CredentialNeed<DatabaseLogin> {
  const path = `${need.mount}/creds/${need.role}`;
  return {
    tokenRole: need.tokenRole,
    role: path,
    async issue(vault) {
      const answer = parseAnswer(databaseAnswerSchema, await vault.read(path), path);
      const { username, password } = answer.data;
      return { leaseId: answer.lease_id, seconds: answer.lease_duration, username, material: { password } };
    },
  };
}
