import { z } from 'zod';
import type { Secret } from '../../core/secret.js';
import { parseAnswer, secretSchema } from '../answers.js';
import type { CredentialNeed, Issued } from '../leases.js';

/** A name and a password that Vault keeps. */
export interface KeptLogin {
  username: string;
  password: Secret;
}

/** Where it is kept: a key/value store of version 2. */
export interface KeptAt {
  mount: string;
  path: string;
}

const CONTROL = /[\p{Cc}\p{Cs}]/u;

const answerSchema = z.object({
  data: z.object({
    data: z.object({
      username: z
        .string()
        .min(1)
        .max(200)
        .refine((name) => !CONTROL.test(name)),
      // One line: it is handed on by protocols of lines.
      password: z
        .string()
        .max(5_000)
        .refine((password) => !CONTROL.test(password))
        .pipe(secretSchema),
    }),
  }),
});

/**
 * A need, and a login that is kept in Vault, read first under the same token. Vault issues nothing for it and cannot end
 * it: it is approved as a part of the role, and not on record as issued.
 */
export function alsoReading<One, C>(
  need: CredentialNeed<One>,
  { mount, path }: KeptAt,
  toMaterial: (one: Issued<One>, kept: KeptLogin) => C,
): CredentialNeed<C> {
  const from = `${mount}/data/${path}`;
  return {
    tokenRole: need.tokenRole,
    role: `${need.role} + ${from}`,
    async issue(vault) {
      const kept = parseAnswer(answerSchema, await vault.read(from), from).data.data;
      const one = await need.issue(vault);
      const { leaseId, username } = one;
      const each = one.each ?? [{ role: need.role, leaseId, username }];
      return { ...one, each, material: toMaterial(one, kept) };
    },
  };
}
