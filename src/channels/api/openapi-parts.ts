import type { SwaggerTransformObject } from '@fastify/swagger';
import { jsonSchemaTransformObject } from 'fastify-type-provider-zod';

/** Leaves out the components that nothing refers to: the library makes one for each direction. */
export const withoutUnusedSchemas: SwaggerTransformObject = (document) => {
  const full = jsonSchemaTransformObject(document);
  if (!('components' in full)) return full;
  const { schemas = {}, ...components } = full.components ?? {};
  const used = reachable(full.paths ?? {}, schemas);
  const kept = Object.entries(schemas).filter(([name]) => used.has(name));
  return { ...full, components: { ...components, schemas: Object.fromEntries(kept) } } as typeof full;
};

function reachable(from: unknown, schemas: Readonly<Record<string, unknown>>, found = new Set<string>()): Set<string> {
  for (const [, name] of JSON.stringify(from).matchAll(/"#\/components\/schemas\/([^"/]+)"/g)) {
    if (name === undefined || found.has(name)) continue;
    found.add(name);
    reachable(schemas[name] ?? null, schemas, found);
  }
  return found;
}
