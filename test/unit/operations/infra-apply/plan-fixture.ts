/** Parts of what `tofu show -json` prints of a plan (https://opentofu.org/docs/internals/json-format/). */
export interface ResourceChange {
  address: string;
  mode: string;
  type: string;
  name: string;
  provider_name: string;
  change: Record<string, unknown>;
  [field: string]: unknown;
}

/** @param actions with commas between, e.g. `delete,create` */
export function resourceChange(
  actions: string,
  change: Record<string, unknown>,
  type = 'aws_instance',
): ResourceChange {
  return {
    address: `${type}.web`,
    mode: 'managed',
    type,
    name: 'web',
    provider_name: 'registry.opentofu.org/hashicorp/aws',
    change: {
      actions: actions.split(','),
      before: null,
      after: null,
      after_unknown: {},
      before_sensitive: false,
      after_sensitive: {},
      ...change,
    },
  };
}

export function planJson(parts: Record<string, unknown>): string {
  return JSON.stringify({ format_version: '1.2', ...parts });
}
