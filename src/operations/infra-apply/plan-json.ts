import { z } from 'zod';
import { ServiceFault } from '../../core/errors.js';

/** What happens to one resource. */
export type ChangeKind = 'create' | 'change' | 'replace' | 'destroy' | 'forget' | 'read' | 'import' | 'move';

/** One resource of a plan. Values are as OpenTofu knows them: sensitive ones too. */
export interface Change {
  address: string;
  /** Address before a move. */
  previousAddress: string | null;
  module: string;
  type: string;
  name: string;
  index: string | number | null;
  mode: string;
  provider: string;
  kind: ChangeKind;
  /** OpenTofu's own word, e.g. `replace_because_tainted`. */
  reason: string | null;
  /** Attributes that force a replacement. */
  replacePaths: string[];
  /** A replacement that destroys last. */
  createFirst: boolean;
  importId: string | null;
  /** Key of a left-over object that is to be destroyed. */
  deposed: string | null;
  value: Values;
}

/** Before and after, with OpenTofu's marks beside them: `true` covers all below. */
export interface Values {
  before: unknown;
  after: unknown;
  unknown: unknown;
  beforeSensitive: unknown;
  afterSensitive: unknown;
}

export interface OutputChange {
  name: string;
  value: Values;
}

/** A plan, in the form and order in which it is compared and shown. */
export interface Plan {
  changes: Change[];
  outputs: OutputChange[];
  /** Resources that somebody changed beside OpenTofu. */
  drift: Change[];
}

// A value that is known only later has no key at all.
const changeSchema = z.object({
  actions: z.array(z.string()),
  before: z.unknown().optional(),
  after: z.unknown().optional(),
  after_unknown: z.unknown().optional(),
  before_sensitive: z.unknown().optional(),
  after_sensitive: z.unknown().optional(),
  replace_paths: z.array(z.array(z.union([z.string(), z.number()]))).optional(),
  importing: z.object({ id: z.string().optional() }).optional(),
});

const resourceSchema = z.object({
  address: z.string(),
  previous_address: z.string().optional(),
  module_address: z.string().optional(),
  mode: z.string(),
  type: z.string(),
  name: z.string(),
  index: z.union([z.string(), z.number()]).nullish(),
  deposed: z.string().optional(),
  provider_name: z.string().optional(),
  change: changeSchema,
  action_reason: z.string().optional(),
});

const moduleSchema: z.ZodType<ModuleJson> = z.lazy(() =>
  z.object({
    resources: z
      .array(
        z.object({
          address: z.string(),
          mode: z.string(),
          type: z.string(),
          provisioners: z.array(z.unknown()).optional(),
        }),
      )
      .optional(),
    module_calls: z.record(z.string(), z.object({ module: moduleSchema.optional() })).optional(),
  }),
);
interface ModuleJson {
  resources?: { address: string; mode: string; type: string; provisioners?: unknown[] | undefined }[] | undefined;
  module_calls?: Record<string, { module?: ModuleJson | undefined }> | undefined;
}

const planSchema = z.object({
  format_version: z.string().regex(/^1\./, 'is of a version that is not known here'),
  resource_changes: z.array(resourceSchema).optional(),
  resource_drift: z.array(resourceSchema).optional(),
  output_changes: z.record(z.string(), changeSchema).optional(),
  configuration: z.object({ root_module: moduleSchema }).optional(),
  errored: z.boolean().optional(),
});

/**
 * Reads `tofu show -json` of a saved plan (https://opentofu.org/docs/internals/json-format/).
 * @throws ServiceFault for what is no such text, and for what the guard should have refused.
 */
export function readPlan(json: string): Plan {
  const parsed = planSchema.safeParse(JSON.parse(json));
  if (!parsed.success)
    throw new ServiceFault('host', 'OpenTofu described its plan in a form that is not known here.', false);
  const { resource_changes = [], resource_drift = [], output_changes = {}, configuration, errored } = parsed.data;
  if (errored === true) throw new ServiceFault('host', 'The plan is incomplete.', false);
  if (configuration !== undefined) refuseHidden(configuration.root_module);
  const outputs = Object.entries(output_changes)
    .filter(([, { actions }]) => !actions.includes('no-op'))
    .map(([name, change]) => ({ name, value: valuesOf(change) }));
  return {
    changes: sorted(resource_changes.flatMap(changeOf)),
    outputs: outputs.sort((one, other) => compare(one.name, other.name)),
    drift: sorted(resource_drift.flatMap(changeOf)),
  };
}

type ResourceJson = z.infer<typeof resourceSchema>;

function changeOf(resource: ResourceJson): Change[] {
  const { change } = resource;
  const kind = kindOfChange(resource);
  if (kind === null) return [];
  return [
    {
      address: resource.address,
      previousAddress: resource.previous_address ?? null,
      module: resource.module_address ?? '',
      type: resource.type,
      name: resource.name,
      index: resource.index ?? null,
      mode: resource.mode,
      provider: resource.provider_name ?? '',
      kind,
      reason: resource.action_reason ?? null,
      replacePaths: (change.replace_paths ?? []).map((path) => path.join('.')).sort(),
      createFirst: change.actions[0] === 'create' && change.actions.length === 2,
      importId: change.importing === undefined ? null : (change.importing.id ?? ''),
      deposed: resource.deposed ?? null,
      value: valuesOf(change),
    },
  ];
}

/** Null for what stays as it is. An action of a kind that we do not know is not shown wrongly but refused. */
function kindOfChange({ change, previous_address }: ResourceJson): ChangeKind | null {
  switch (change.actions.join(',')) {
    case 'create':
      return 'create';
    case 'update':
      return 'change';
    case 'delete':
      return 'destroy';
    case 'delete,create':
    case 'create,delete':
      return 'replace';
    case 'forget':
      return 'forget';
    case 'read':
      return 'read';
    case 'no-op':
      if (change.importing !== undefined) return 'import';
      return previous_address === undefined ? null : 'move';
    default:
      throw new ServiceFault(
        'host',
        `The plan holds an action that is not known here: ${change.actions.join(', ')}.`,
        false,
      );
  }
}

function valuesOf(change: z.infer<typeof changeSchema>): Values {
  return {
    before: change.before ?? null,
    after: change.after ?? null,
    unknown: change.after_unknown ?? false,
    beforeSensitive: change.before_sensitive ?? false,
    afterSensitive: change.after_sensitive ?? false,
  };
}

/** What OpenTofu itself read, against what the guard read: should they ever differ, nobody is asked to approve it. */
function refuseHidden(module: ModuleJson): void {
  for (const { address, mode, type, provisioners = [] } of module.resources ?? []) {
    const isForbidden = mode === 'data' && (type === 'external' || type === 'terraform_remote_state');
    if (provisioners.length > 0 || isForbidden)
      throw new ServiceFault('host', `${address} runs or reads what the guard refuses, and got past it.`, false);
  }
  for (const { module: called } of Object.values(module.module_calls ?? {}))
    if (called !== undefined) refuseHidden(called);
}

function sorted(changes: Change[]): Change[] {
  return changes.sort(
    (one, other) => compare(one.address, other.address) || compare(one.deposed ?? '', other.deposed ?? ''),
  );
}

function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
