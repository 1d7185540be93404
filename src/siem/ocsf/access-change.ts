import { z } from 'zod';
import type { JsonObject } from '../../core/json.js';
import { firstNames, named } from './text.js';

/** A change of who may do what, as one of OCSF's classes of identity and access management. */
export type AccessChange =
  | {
      kind: 'account';
      activity: 'create' | 'delete' | 'attach_policy' | 'detach_policy';
      user: JsonObject;
      policy: JsonObject | null;
    }
  | { kind: 'privileges'; activity: 'assign_privileges' | 'revoke_privileges'; user: JsonObject; privileges: string[] }
  | { kind: 'policy'; activity: 'update' | 'delete'; name: string };

const awsSchema = z.discriminatedUnion('change', [
  z.object({ change: z.literal('set_policy'), policyArn: z.string() }),
  z.object({
    change: z.enum(['attach', 'detach']),
    policyArn: z.string(),
    principal: z.object({ kind: z.string(), name: z.string() }),
  }),
]);

const grantSchema = z.object({
  changes: z
    .array(
      z.object({
        do: z.string(),
        privileges: z.array(z.string()).optional(),
        role: z.string().optional(),
        to: z.string().optional(),
        from: z.string().optional(),
      }),
    )
    .min(1),
});

const vaultSchema = z.object({ do: z.enum(['set', 'delete']), name: z.string() });

/** What an operation with these params changes; null for all that are not about access, and for params it can't read. */
export function accessChangeOf(operation: string, params: unknown): AccessChange | null {
  switch (operation) {
    case 'aws.iam.policy':
      return ofAws(awsSchema.safeParse(params).data);
    case 'database.grant':
      return ofDatabase(grantSchema.safeParse(params).data);
    case 'vault.policy': {
      const read = vaultSchema.safeParse(params).data;
      if (read === undefined) return null;
      return { kind: 'policy', activity: read.do === 'set' ? 'update' : 'delete', name: named(read.name) };
    }
    case 'policy.change':
      return { kind: 'policy', activity: 'update', name: 'countersign policy' };
    default:
      return null;
  }
}

function ofAws(params: z.infer<typeof awsSchema> | undefined): AccessChange | null {
  if (params === undefined) return null;
  const arn = named(params.policyArn);
  if (params.change === 'set_policy') return { kind: 'policy', activity: 'update', name: arn };
  const { kind, name } = params.principal;
  return {
    kind: 'account',
    activity: params.change === 'attach' ? 'attach_policy' : 'detach_policy',
    user: { name: named(name), type: named(kind), type_id: kind === 'user' ? 1 : 99 },
    policy: { uid: arn, name: named(params.policyArn.slice(params.policyArn.lastIndexOf('/') + 1)) },
  };
}

function ofDatabase(params: z.infer<typeof grantSchema> | undefined): AccessChange | null {
  if (params === undefined) return null;
  const { changes } = params;
  const done = new Set(changes.map((change) => change.do));
  const [only] = done.size === 1 ? done : [];
  if (only === 'create_role' || only === 'drop_role') {
    const roles = changes.map(({ role = '' }) => role);
    return {
      kind: 'account',
      activity: only === 'create_role' ? 'create' : 'delete',
      user: roleUser(roles),
      policy: null,
    };
  }
  const taken = ['revoke', 'revoke_membership', 'drop_role'];
  return {
    kind: 'privileges',
    activity: changes.every((change) => taken.includes(change.do)) ? 'revoke_privileges' : 'assign_privileges',
    user: roleUser(changes.map(({ to, from, role }) => to ?? from ?? role ?? '')),
    privileges: firstNames([
      ...new Set(changes.flatMap(({ do: what, privileges, role }) => privileges ?? [`${what} ${role ?? ''}`])),
    ]),
  };
}

/** Several roles in one name: OCSF's event has one user. */
function roleUser(roles: readonly string[]): JsonObject {
  return { name: named([...new Set(roles)].join(', ')), type: 'database role', type_id: 99 };
}
