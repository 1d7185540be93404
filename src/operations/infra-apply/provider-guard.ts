import type { Refusal } from '../../core/errors.js';
import { providerKey, type InfraTarget } from '../../targets/infra.js';
import type { Token } from './hcl-lexer.js';
import { literalOf, type Block, type Body } from './hcl.js';

/** How a module calls its providers. */
export interface ProviderNames {
  /** Address by local name, as `required_providers` says; null where that cannot be read. */
  sources: ReadonlyMap<string, string | null>;
  /** Addresses without a version constraint. */
  unpinned: string[];
}

/** Reads a module's `required_providers`. */
export function providersNamed(files: readonly { body: Body }[], target: InfraTarget): ProviderNames {
  const sources = new Map<string, string | null>();
  const unpinned = new Set(target.providers.map(({ source }) => providerKey(source)));
  const pinned = new Set<string>();
  const settings = files.flatMap(({ body }) => body.blocks.filter(({ type }) => type === 'terraform'));
  for (const { body } of settings.flatMap((block) =>
    block.body.blocks.filter(({ type }) => type === 'required_providers'),
  )) {
    for (const { name, expression } of body.attributes) {
      const version = literalOf(expression);
      const source = version === undefined ? fieldOf(expression, 'source') : `hashicorp/${name}`;
      sources.set(name, source === undefined ? null : providerKey(source));
      if ((version ?? fieldOf(expression, 'version')) !== undefined && source !== undefined)
        pinned.add(providerKey(source));
    }
  }
  const used = new Set([...sources.values(), ...files.flatMap(({ body }) => usedIn(body, sources))]);
  return { sources, unpinned: [...unpinned].filter((key) => used.has(key) && !pinned.has(key)) };
}

/** Throws what `refuse` makes when a block is of a provider that the target does not list, or of one that cannot be told. */
export function allowedProviders(
  { names, target }: { names: ProviderNames; target: InfraTarget },
  block: Block,
  refuse: (what: string) => Refusal,
): void {
  const key = keyOf(block, names.sources);
  if (key === null) throw refuse('which provider this is of cannot be told: name its source literally');
  const listed = [...names.sources.values(), key].filter((found) => found !== 'terraform.io/builtin/terraform');
  for (const found of listed) {
    if (found === null) throw refuse('a provider in `required_providers` has no literal source');
    if (target.providers.some(({ source }) => providerKey(source) === found)) continue;
    throw refuse(`${target.name} does not list the provider ${found}`);
  }
}

// What in a provider's settings says where it logs in, or as whom. As cyrilgdn/postgresql and its like call it.
const POSTGRES_SETTINGS =
  /^(scheme|host(addr|name)?|port|url|dsn|conn(ection)?_(str|string|url|uri)|user(name)?|database_username|password(_wo)?|ssl_?mode|ssl_?root_?cert|client_?cert|proxy_url|aws_rds_iam_\w+|azure_\w+|gcp_iam_\w+)$/;
const AWS_SETTINGS =
  /^(endpoints?|access_key|secret_key|token|profile|shared_\w+_files?|assume_role(_with_web_identity)?|https?_proxy|no_proxy|custom_ca_bundle|insecure|ec2_metadata_service_\w+)$/;

/**
 * Refuses settings of a provider that would take what is leased for it elsewhere: a plan logs in before anybody approves,
 * and a server that is named here could simply ask for the password. A role that is assumed from here would outlive the lease.
 */
export function checkProviderLogin(
  { names, target }: { names: ProviderNames; target: InfraTarget },
  block: Block,
  refuse: (what: string) => Refusal,
): void {
  const { aws, postgres } = target.providerCredentials ?? {};
  // The type, at the end of the address.
  const type = keyOf(block, names.sources)?.split('/').at(-1) ?? '';
  const settings = [
    ...(postgres !== undefined && /sql|postgres|pg|redshift|cockroach/.test(type) ? [POSTGRES_SETTINGS] : []),
    ...(aws !== undefined && type.includes('aws') ? [AWS_SETTINGS] : []),
  ];
  const found = settingNames(block.body).find((name) => settings.some((pattern) => pattern.test(name)));
  if (found !== undefined)
    throw refuse(`"${found}" in the settings of ${type}: where and as whom it logs in is what ${target.name} says`);
}

function settingNames(body: Body): string[] {
  return [
    ...body.attributes.map(({ name }) => name),
    ...body.blocks.flatMap(({ type, labels, body: inner }) => [type, ...labels, ...settingNames(inner)]),
  ];
}

function usedIn(body: Body, sources: ProviderNames['sources']): (string | null)[] {
  return body.blocks
    .filter(({ type }) => ['resource', 'data', 'ephemeral', 'provider'].includes(type))
    .map((block) => keyOf(block, sources));
}

function keyOf({ type, labels: [label = ''], body }: Block, sources: ProviderNames['sources']): string | null {
  const chosen = type === 'provider' ? undefined : body.attributes.find(({ name }) => name === 'provider')?.expression;
  const first = chosen?.find(({ kind }) => kind !== 'newline');
  const name = chosen === undefined ? (type === 'provider' ? label : (label.split('_')[0] ?? '')) : wordOf(first);
  if (name === undefined || name === '') return null;
  if (name === 'terraform' && !sources.has(name)) return 'terraform.io/builtin/terraform';
  const named = sources.get(name);
  return named === undefined ? `hashicorp/${name.toLowerCase()}` : named;
}

/** Old configurations write the provider's name in quotes. */
function wordOf(token: Token | undefined): string | undefined {
  if (token?.kind === 'word') return token.text;
  const literal = token === undefined ? undefined : literalOf([token]);
  return literal?.split('.')[0];
}

/** A literal field of an object, e.g. of `{ source = "hashicorp/aws", version = "~> 5.0" }`; undefined when there is none. */
function fieldOf(expression: readonly Token[], name: string): string | undefined {
  const found: string[] = [];
  for (const [index, token] of expression.entries()) {
    const isKey = token.text === name || (token.kind === 'template' && literalOf([token]) === name);
    const sign = expression[index + 1]?.text;
    if (!isKey || (sign !== '=' && sign !== ':')) continue;
    const value = expression[index + 2];
    const literal = value === undefined ? undefined : literalOf([value]);
    const after = expression[index + 3];
    if (literal === undefined || !(after?.kind === 'newline' || after?.text === ',' || after?.text === '}'))
      return undefined;
    found.push(literal);
  }
  return found.length === 1 ? found[0] : undefined;
}
