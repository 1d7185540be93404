import { z } from 'zod';
import { nameSchema } from '../../core/schemas/primitives.js';

/** Limits on what one action may change; each is refused by name when it is exceeded. */
export const GRANT_LIMITS = {
  changes: 100,
  /** Names in one list: tables, columns, sequences, schemas. */
  names: 1_000,
  /** Of all changes together, as JSON: people must be able to read them. */
  changesChars: 60_000,
} as const;

/** The privileges of PostgreSQL 17, by what they are on; see https://www.postgresql.org/docs/17/ddl-priv.html. */
const PRIVILEGES = {
  schema: ['USAGE', 'CREATE'],
  table: ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN'],
  columns: ['SELECT', 'INSERT', 'UPDATE', 'REFERENCES'],
  sequence: ['USAGE', 'SELECT', 'UPDATE'],
  function: ['EXECUTE'],
  all_tables: ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN'],
} as const satisfies Record<Place['kind'], readonly string[]>;

/** PostgreSQL keeps this name from roles: it stands for everyone. */
export const PUBLIC = 'public';

// Quoted by us wherever it stands. What cannot be seen cannot be approved.
const identifierSchema = z
  .string()
  .min(1)
  .refine((name) => Buffer.byteLength(name) <= 63, 'must be at most 63 bytes')
  .refine((name) => !/[\p{C}\u2028\u2029]/u.test(name), 'must not hold invisible characters');

const schemaNameSchema = identifierSchema.refine(
  (name) => !/^pg_/.test(name) && name !== 'information_schema',
  "must not be one of PostgreSQL's own schemas",
);
const roleSchema = identifierSchema.refine(
  (name) => name !== PUBLIC && name !== 'none',
  'must name a role: PostgreSQL keeps "public" and "none"',
);
const namesSchema = z
  .array(identifierSchema)
  .min(1)
  .max(GRANT_LIMITS.names)
  .refine((names) => new Set(names).size === names.length, 'must name each once');

const placeSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('schema'), schemas: z.array(schemaNameSchema).min(1).max(GRANT_LIMITS.names) }),
  /** Tables, views, materialised views and foreign tables. */
  z.strictObject({ kind: z.literal('table'), schema: schemaNameSchema, tables: namesSchema }),
  z.strictObject({
    kind: z.literal('columns'),
    schema: schemaNameSchema,
    table: identifierSchema,
    columns: namesSchema,
  }),
  z.strictObject({ kind: z.literal('sequence'), schema: schemaNameSchema, sequences: namesSchema }),
  /** A function, procedure or aggregate; argument types as PostgreSQL writes them, e.g. `integer`, `public.order_status`. */
  z.strictObject({
    kind: z.literal('function'),
    schema: schemaNameSchema,
    function: identifierSchema,
    arguments: z.array(z.string().min(1).max(200)).max(100),
  }),
  /** Those that exist when it runs: the list is shown and bound. */
  z.strictObject({ kind: z.literal('all_tables'), schema: schemaNameSchema }),
]);
/** What privileges are on. */
export type Place = z.infer<typeof placeSchema>;

const allPrivileges = [...new Set(Object.values(PRIVILEGES).flat())] as [string, ...string[]];
const privilegesSchema = z.array(z.enum(allPrivileges)).min(1).max(allPrivileges.length);

const changeSchema = z.discriminatedUnion('do', [
  z.strictObject({
    do: z.literal('grant'),
    privileges: privilegesSchema,
    on: placeSchema,
    /** A role, or `public` for everyone. */
    to: identifierSchema,
    grantOption: z.boolean().optional(),
  }),
  z.strictObject({
    do: z.literal('revoke'),
    privileges: privilegesSchema,
    on: placeSchema,
    from: identifierSchema,
    /** Takes back only the right to pass it on. */
    grantOptionOnly: z.boolean().optional(),
  }),
  z.strictObject({
    do: z.literal('grant_membership'),
    role: roleSchema,
    to: roleSchema,
    /** Default false. */
    admin: z.boolean().optional(),
    /** Default true. */
    inherit: z.boolean().optional(),
    /** Default true. */
    set: z.boolean().optional(),
  }),
  z.strictObject({ do: z.literal('revoke_membership'), role: roleSchema, from: roleSchema }),
  /** Never with a password, nor as superuser, with CREATEROLE, CREATEDB, REPLICATION or BYPASSRLS. */
  z.strictObject({ do: z.literal('create_role'), role: roleSchema, login: z.boolean().optional() }),
  z.strictObject({ do: z.literal('drop_role'), role: roleSchema }),
]);
/** One change; an action makes all of its changes or none. */
export type Change = z.infer<typeof changeSchema>;

/** What an agent asks for: changes to roles and privileges of one database, in this order, in one transaction. */
export const paramsSchema = z.strictObject({
  target: nameSchema,
  changes: z
    .array(changeSchema)
    .min(1)
    .max(GRANT_LIMITS.changes)
    .superRefine((changes, context) => {
      if (JSON.stringify(changes).length > GRANT_LIMITS.changesChars)
        context.addIssue(`must be at most ${String(GRANT_LIMITS.changesChars)} characters as JSON`);
      for (const [index, change] of changes.entries()) {
        const fault = faultOf(change);
        if (fault !== null) context.addIssue({ code: 'custom', path: [index, fault.field], message: fault.message });
      }
    }),
});
export type DatabaseGrantParams = z.infer<typeof paramsSchema>;

/** What the form of single fields cannot say. */
function faultOf(change: Change): { field: string; message: string } | null {
  if (change.do !== 'grant' && change.do !== 'revoke') {
    return null;
  }
  const possible: readonly string[] = PRIVILEGES[change.on.kind];
  const wrong = change.privileges.find((privilege) => !possible.includes(privilege));
  if (wrong !== undefined)
    return { field: 'privileges', message: `there is no ${wrong} on ${change.on.kind}: one of ${possible.join(', ')}` };
  if (change.do === 'grant' && change.to === PUBLIC && change.grantOption === true)
    return { field: 'grantOption', message: 'cannot be given to public' };
  return null;
}
