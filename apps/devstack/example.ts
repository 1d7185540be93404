import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { TargetSpec } from './installation/names.js';
import { examplePolicies } from './place.js';

/** The first agent of the example bundle: it asks for exports. */
export const EXAMPLE_AGENT = 'export-bot';

/** Its agent that asks for privileges and Vault policies. */
export const ACCESS_AGENT = 'access-bot';

/** Its agent that proposes changes of policy. */
export const POLICY_AUTHOR = 'policy-author';

/** The databases that the example bundle names. */
export const EXAMPLE_TARGETS: readonly TargetSpec[] = [
  { name: 'orders', environment: 'production', orders: 20_000 },
  { name: 'orders-staging', environment: 'staging', orders: 200 },
];

/** Its agents, by id: each is given a key where the bundle is put in force. */
export async function exampleAgents(): Promise<string[]> {
  const { agents } = parse(await readFile(join(examplePolicies, 'directory.yaml'), 'utf8')) as {
    agents: { id: string }[];
  };
  return agents.map(({ id }) => id);
}

/** The people of the example bundle, as the development identity provider knows them. */
export async function examplePeople(): Promise<{ id: string; email: string; name: string }[]> {
  const { people } = parse(await readFile(join(examplePolicies, 'directory.yaml'), 'utf8')) as {
    people: { oidcSubject: string; email: string; name: string }[];
  };
  return people.map(({ oidcSubject, email, name }) => ({ id: oidcSubject, email, name }));
}
