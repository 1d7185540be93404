import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { TargetSpec } from './installation/names.js';
import { examplePolicies } from './place.js';

/** The agent of the example bundle. */
export const EXAMPLE_AGENT = 'export-bot';

/** The databases that the example bundle names. */
export const EXAMPLE_TARGETS: readonly TargetSpec[] = [
  { name: 'orders', environment: 'production', orders: 20_000 },
  { name: 'orders-staging', environment: 'staging', orders: 200 },
];

/** The people of the example bundle, as the development identity provider knows them. */
export async function examplePeople(): Promise<{ id: string; email: string; name: string }[]> {
  const { people } = parse(await readFile(join(examplePolicies, 'directory.yaml'), 'utf8')) as {
    people: { oidcSubject: string; email: string; name: string }[];
  };
  return people.map(({ oidcSubject, email, name }) => ({ id: oidcSubject, email, name }));
}
