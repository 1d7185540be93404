import type { SwaggerTransformObject } from '@fastify/swagger';
import { jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { parameterExamples, problemExamples, routeExamples, type RouteExample } from './examples.js';

/** Makes the whole document of the routes': without what nothing refers to, and with examples. */
export const completeDocument: SwaggerTransformObject = (document) => {
  const kept = withoutUnusedSchemas(document);
  const { paths = {}, components } = kept as unknown as OpenApiParts;
  for (const operation of Object.values(paths).flatMap((path) => Object.values(path))) addExamples(operation);
  const problem = components?.schemas?.['Problem'];
  if (problem !== undefined) problem['examples'] = problemExamples;
  return kept;
};

/** What of an OpenAPI document takes examples. */
interface OpenApiParts {
  paths?: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, Record<string, unknown>> };
}
interface Operation {
  operationId?: string;
  parameters?: { name: string; example?: unknown }[];
  requestBody?: { content?: Content };
  responses?: Record<string, { content?: Content }>;
}
type Content = Record<string, { example?: unknown; examples?: Record<string, { summary: string; value: unknown }> }>;

function addExamples({ operationId = '', parameters = [], requestBody, responses = {} }: Operation): void {
  const example = routeExamples[operationId];
  if (example === undefined) return;
  for (const parameter of parameters)
    parameter.example = example.parameters?.[parameter.name] ?? parameterExamples[parameter.name];
  const json = requestBody?.content?.['application/json'];
  if (json !== undefined) Object.assign(json, requestExample(example));
  for (const [status, { content = {} }] of Object.entries(responses)) {
    for (const [mediaType, answer] of Object.entries(content)) {
      const value = example.answers[`${status} ${mediaType}`] ?? example.answers[status];
      if (value !== undefined) answer.example = value;
    }
  }
}

function requestExample({ request, keylessRequest }: RouteExample): Content[string] {
  if (keylessRequest === undefined) return { example: request };
  const signed = { summary: 'Signed by the agent', value: request };
  return { examples: { signed, keyless: { summary: 'Of an agent without a key', value: keylessRequest } } };
}

/** Leaves out the components that nothing refers to: the library makes one for each direction. */
const withoutUnusedSchemas: SwaggerTransformObject = (document) => {
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
