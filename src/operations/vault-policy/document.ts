/** A value inside a parameter list. */
export type Scalar = string | number | boolean;

/** Parameters by name, with the values that are meant; an empty list means any. */
export type Parameters = ReadonlyMap<string, readonly Scalar[]>;

/** What a policy says of one path. */
export interface PathRule {
  path: string;
  /** Sorted, each once. */
  capabilities: string[];
  comment: string | null;
  allowed: Parameters | null;
  denied: Parameters | null;
  /** Sorted, each once. */
  required: string[] | null;
  /** As written: seconds, or a duration such as `90s`. */
  minWrappingTtl: string | null;
  maxWrappingTtl: string | null;
}

/** An ACL policy: rules sorted by path, each path once. */
export type PolicyDocument = readonly PathRule[];

/** Capabilities of HashiCorp Vault and OpenBao; a server refuses those that it does not know. */
export const CAPABILITIES: readonly string[] = [
  'create',
  'read',
  'update',
  'patch',
  'delete',
  'list',
  'scan',
  'sudo',
  'deny',
  'subscribe',
  'recover',
];

/** The lines of one rule, in the one form in which policies are written and compared. */
export function linesOf(rule: PathRule): string[] {
  return [
    `path ${quoted(rule.path)} {`,
    ...(rule.comment === null ? [] : [`  comment = ${quoted(rule.comment)}`]),
    `  capabilities = [${rule.capabilities.map(quoted).join(', ')}]`,
    ...parameterLines('allowed_parameters', rule.allowed),
    ...parameterLines('denied_parameters', rule.denied),
    ...(rule.required === null ? [] : [`  required_parameters = [${rule.required.map(quoted).join(', ')}]`]),
    ...(rule.minWrappingTtl === null ? [] : [`  min_wrapping_ttl = ${quoted(rule.minWrappingTtl)}`]),
    ...(rule.maxWrappingTtl === null ? [] : [`  max_wrapping_ttl = ${quoted(rule.maxWrappingTtl)}`]),
    '}',
  ];
}

/** The whole policy, as it is written to Vault: what is shown is what is sent, whatever the agent's text looked like. */
export function renderPolicy(document: PolicyDocument): string {
  return document.map((rule) => `${linesOf(rule).join('\n')}\n`).join('\n');
}

function parameterLines(name: string, parameters: Parameters | null): string[] {
  if (parameters === null) return [];
  const entries = [...parameters].sort(([one], [other]) => (one < other ? -1 : 1));
  return [
    `  ${name} = {`,
    ...entries.map(([parameter, values]) => `    ${quoted(parameter)} = [${values.map(scalar).join(', ')}]`),
    '  }',
  ];
}

function scalar(value: Scalar): string {
  return typeof value === 'string' ? quoted(value) : String(value);
}

/** HCL's strings are JSON's, for what the parser lets through: neither control characters nor `${`. */
function quoted(text: string): string {
  return JSON.stringify(text);
}
