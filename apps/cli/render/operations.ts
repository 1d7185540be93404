import { block, fields } from './layout.js';
import type { Look } from './action.js';

/** As much of JSON Schema as operations' parameters use. */
export interface ParametersSchema {
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  properties?: Record<string, ParametersSchema>;
  required?: string[];
  items?: ParametersSchema;
  oneOf?: ParametersSchema[];
  anyOf?: ParametersSchema[];
  minimum?: number;
  maximum?: number;
  maxLength?: number;
}

export interface ListedOperation {
  name: string;
  description: string;
  /** The kind of target, as `targets.yaml` names it. */
  targetKind: string;
  /** JSON Schema of what an agent sends. */
  parameters: ParametersSchema;
}

/** Each operation with its parameters; where these have several forms, each form for itself. */
export function renderOperations(
  operations: readonly ListedOperation[],
  { width, style }: Pick<Look, 'width' | 'style'>,
): string[] {
  return operations.flatMap(({ name, description, targetKind, parameters }, index) => [
    ...(index === 0 ? [] : ['']),
    `${style.bold(name)}  on ${targetKind}`,
    ...block(description, { margin: '  ', width }),
    ...formsOf(parameters).flatMap((form, position) => [
      ...(position === 0 ? [] : [style.dim('  or')]),
      ...fields(rowsOf(form), width - 4).map((line) => `    ${line}`),
    ]),
  ]);
}

function formsOf(schema: ParametersSchema): readonly ParametersSchema[] {
  return schema.oneOf ?? schema.anyOf ?? [schema];
}

function rowsOf({ properties = {}, required = [] }: ParametersSchema): [string, string][] {
  return Object.entries(properties).map(([name, schema]) => [
    name,
    `${inWords(schema)}${required.includes(name) ? '' : ' (optional)'}`,
  ]);
}

/** A value's form in a few words; `--json` has all of it. */
function inWords(schema: ParametersSchema): string {
  if ('const' in schema) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' or ');
  const forms = schema.oneOf ?? schema.anyOf;
  if (forms !== undefined) return [...new Set(forms.map(inWords))].join(' or ');
  if (Array.isArray(schema.type)) return schema.type.map(typeInWords).join(' or ');
  switch (schema.type) {
    case 'string':
      return schema.maxLength === undefined
        ? 'text'
        : `text, at most ${schema.maxLength.toLocaleString('en-US')} characters`;
    case 'integer':
    case 'number':
      return `${typeInWords(schema.type)}${rangeOf(schema)}`;
    case 'array':
      return schema.items === undefined ? 'list' : `list of ${inWords(schema.items)}`;
    case 'object':
      return schema.properties === undefined ? 'object' : `object with ${Object.keys(schema.properties).join(', ')}`;
    case undefined:
      return 'any JSON';
    default:
      return typeInWords(schema.type);
  }
}

function typeInWords(type: string): string {
  const words: Record<string, string> = { string: 'text', integer: 'whole number', boolean: 'true or false' };
  return words[type] ?? type;
}

function rangeOf({ minimum, maximum }: ParametersSchema): string {
  const [from, to] = [minimum, maximum].map((limit) => limit?.toLocaleString('en-US'));
  if (from !== undefined && to !== undefined) return `, ${from} to ${to}`;
  if (from !== undefined) return `, at least ${from}`;
  return to === undefined ? '' : `, at most ${to}`;
}
