import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readPayload } from '../../../src/core/dsse.js';
import { SIGNERS_OF } from '../../../src/core/keyring.js';
import { statementSchema } from '../../../src/core/schemas/statements.js';
import {
  exampleAction,
  exampleRequest,
  exampleStatements,
  sealExample,
} from '../../../src/channels/api/example-action.js';
import { parameterExamples, problemExamples, routeExamples } from '../../../src/channels/api/examples.js';
import { buildOpenApi } from '../../../src/channels/api/openapi.js';

interface Media {
  schema: object;
  example?: unknown;
  examples?: Record<string, { value: unknown }>;
}
interface Operation {
  operationId: string;
  parameters?: { name: string; in: string; schema: object; example?: unknown }[];
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, { content?: Record<string, Media> }>;
}
interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, { examples?: unknown[] }> };
}

let document: Document;
let operations: Operation[];
beforeAll(async () => {
  document = JSON.parse(await buildOpenApi()) as Document;
  operations = Object.values(document.paths).flatMap((path) => Object.values(path));
});

/** Reads a schema of the document with all that it refers to. */
function schemaOf(schema: object): z.ZodType {
  const whole = JSON.stringify({ ...schema, $defs: document.components.schemas });
  return z.fromJSONSchema(JSON.parse(whole.replaceAll('#/components/schemas/', '#/$defs/')) as never);
}

/** What is wrong with examples, or that there is none. */
function faultsOf(where: string, schema: object, examples: readonly unknown[]): string[] {
  if (examples.length === 0 || examples.includes(undefined)) return [`${where}: no example`];
  return examples.flatMap((example) => {
    const { error } = schemaOf(schema).safeParse(example);
    return error === undefined ? [] : [`${where}: ${z.prettifyError(error)}`];
  });
}

function faultsOfMedia(where: string, content: Record<string, Media> = {}): string[] {
  return Object.entries(content)
    .filter(([mediaType]) => /json$|^text\//.test(mediaType) && mediaType !== 'application/problem+json')
    .flatMap(([mediaType, { schema, example, examples }]) =>
      faultsOf(
        `${where} ${mediaType}`,
        schema,
        examples === undefined ? [example] : Object.values(examples).map(({ value }) => value),
      ),
    );
}

describe('the examples of the OpenAPI document', () => {
  it('are there for every parameter, body and answer of every route, and are what its schema says', () => {
    expect(operations.length).toBeGreaterThan(20);
    const faults = operations.flatMap(({ operationId, parameters = [], requestBody, responses }) => [
      ...parameters.flatMap(({ name, schema, example }) => faultsOf(`${operationId} ${name}`, schema, [example])),
      ...faultsOfMedia(operationId, requestBody?.content),
      ...Object.entries(responses).flatMap(([status, { content }]) =>
        faultsOfMedia(`${operationId} ${status}`, content),
      ),
    ]);
    expect(faults).toEqual([]);
  });

  it('are of routes and parameters that there are', () => {
    expect(Object.keys(routeExamples).sort()).toEqual(operations.map(({ operationId }) => operationId).sort());
    const named = operations.flatMap(({ parameters = [] }) => parameters.map(({ name }) => name));
    expect(Object.keys(parameterExamples).filter((name) => !named.includes(name))).toEqual([]);
  });

  it('of errors are problems', () => {
    const { examples = [], ...schema } = document.components.schemas['Problem'] ?? {};
    expect(examples).toEqual(problemExamples);
    expect(faultsOf('Problem', schema, examples)).toEqual([]);
  });

  it.each([
    ['a member missing', { mayDecide: true }],
    ['a member too many', { ...(routeExamples['getSession']?.answers[200] as object), token: 'x' }],
  ])('would be found wrong with %s', (_name, wrong) => {
    const session = operations.find(({ operationId }) => operationId === 'getSession');
    const schema = session?.responses['200']?.content?.['application/json']?.schema ?? {};
    expect(faultsOf('getSession', schema, [wrong])).toHaveLength(1);
    expect(faultsOf('getSession', schema, [undefined])).toEqual(['getSession: no example']);
  });

  it('hold statements as they are on record, each by who may make it', () => {
    const wrong = exampleStatements.filter(({ kind, envelope }) => {
      const isSigner = SIGNERS_OF[kind].some((purpose) => envelope.signatures[0]?.keyid.startsWith(`${purpose}/`));
      return !isSigner || !statementSchema(kind).safeParse(readPayload(envelope)).success;
    });
    expect(wrong.map(({ kind }) => kind)).toEqual([]);
  });

  it('sign the request that they show, of an agent and people of the example directory', () => {
    const signed = readPayload(sealExample('request', exampleRequest));
    expect(statementSchema('request').parse(signed).predicate.body).toEqual(exampleRequest);
    const directory = readFileSync(new URL('../../../policies/example/directory.yaml', import.meta.url), 'utf8');
    const people = [...(exampleAction.context?.owners ?? []), ...exampleAction.barred.map(({ person }) => person)];
    const ids = [exampleRequest.agent, 'ben', ...people];
    expect(ids.filter((id) => !directory.includes(`  - id: ${id}\n`))).toEqual([]);
  });
});
