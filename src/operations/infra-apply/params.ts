import { z } from 'zod';
import { Refusal } from '../../core/errors.js';
import { digestSchema, nameSchema } from '../../core/schemas/primitives.js';
import { isRepository, type InfraTarget } from '../../targets/infra.js';

/** Limits on what one request may ask for; each is refused by name when it is exceeded. */
export const INFRA_LIMITS = {
  variables: 50,
  /** All variables together, as JSON: people must be able to read them. */
  variablesChars: 20_000,
  /** A configuration, unpacked. */
  sourceBytes: 32 * 1024 * 1024,
  sourceFiles: 5_000,
  /** What people are shown, as characters. A statement of it must fit into one envelope. */
  contentChars: 160_000,
} as const;

const folderSchema = z
  .string()
  .max(300)
  .regex(/^[A-Za-z0-9_][\w.-]*(\/[A-Za-z0-9_][\w.-]*)*$/, 'must be a relative folder such as envs/production');

const valueSchema = z.union([z.string().max(10_000), z.number(), z.boolean(), z.array(z.string().max(1_000)).max(200)]);

const variablesSchema = z
  .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/), valueSchema)
  .refine((values) => Object.keys(values).length <= INFRA_LIMITS.variables, {
    error: `must be at most ${String(INFRA_LIMITS.variables)} variables`,
  })
  .refine((values) => JSON.stringify(values).length <= INFRA_LIMITS.variablesChars, {
    error: `must be at most ${String(INFRA_LIMITS.variablesChars)} characters as JSON`,
  });

/** What an agent asks for: one configuration, by digest, planned and applied in one workspace. */
export const paramsSchema = z.strictObject({
  target: nameSchema,
  source: z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('git'),
      /** As the target's list allows it. */
      repository: z.string().max(500).refine(isRepository, 'must be an absolute path or an https address'),
      commit: z.string().regex(/^[0-9a-f]{40}$/, 'must be a whole commit id: 40 of 0-9 a-f'),
      /** Folder of the root module. Default: the top. */
      folder: folderSchema.optional(),
    }),
    z.strictObject({
      kind: z.literal('tarball'),
      /** Of the tar or tar.gz in the content store. */
      sha256: digestSchema,
      folder: folderSchema.optional(),
    }),
  ]),
  /** Values of variables that the target lets requests set. */
  variables: variablesSchema.optional(),
  /** Plan the destruction of everything in the workspace. Default false. */
  destroy: z.boolean().optional(),
});
export type InfraApplyParams = z.infer<typeof paramsSchema>;

/**
 * What the target's entry says about a request.
 * @throws Refusal `source_forbidden` or `params_invalid`.
 */
export function checkAgainstTarget({ source, variables = {} }: InfraApplyParams, target: InfraTarget): void {
  if (source.kind === 'git' && !target.sources.git.some((allowed) => covers(allowed, source.repository))) {
    throw new Refusal(
      'source_forbidden',
      `${target.name} takes nothing from this repository.`,
      'params.source.repository',
    );
  }
  // Whose upload it is, only the store knows: that is asked when it is fetched.
  if (source.kind === 'tarball' && !isListed(source, target) && target.sources.uploads !== true) {
    throw new Refusal(
      'source_forbidden',
      `${target.name} neither lists this tarball nor takes uploads.`,
      'params.source.sha256',
    );
  }
  const types = new Map(target.variables.map(({ name, type }) => [name, type]));
  for (const [name, value] of Object.entries(variables)) {
    const field = `params.variables.${name}`;
    const type = types.get(name);
    if (type === undefined)
      throw new Refusal('params_invalid', `Requests may not set ${name} in ${target.name}.`, field);
    if (typeOf(value) !== type) throw new Refusal('params_invalid', `${name} must be a ${type}.`, field);
  }
}

/** Whether the target itself allows a tarball, whoever put it there. */
export function isListed({ sha256 }: { sha256: string }, { sources: { tarballs } }: InfraTarget): boolean {
  return tarballs.includes(sha256);
}

function covers(allowed: string, repository: string): boolean {
  return allowed.endsWith('/') ? repository.startsWith(allowed) && repository !== allowed : repository === allowed;
}

function typeOf(value: string | number | boolean | string[]): InfraTarget['variables'][number]['type'] {
  if (Array.isArray(value)) return 'list(string)';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'number' ? 'number' : 'string';
}
