import * as cedar from './cedar.js';
import { nameSchema } from '../core/schemas/primitives.js';
import type { Problem, SourceFile } from '../directory/yaml-source.js';
import { lineAtByte } from './cedar-text.js';
import { nestingFaults } from './nesting.js';
import { UNTRUSTED_INPUT } from './taint.js';
import { actionFor, sampleContext, type Question } from './cedar-entities.js';

/** A schema that asks our three questions, and the operations it knows. */
export interface CheckedSchema {
  text: string;
  operations: string[];
  /** Codes that `@flags` on the operations lists, and that of every operation; null when one of them has no such list. */
  flags: Set<string> | null;
  /** Units that `@counts` on an operation lists, for budgets; besides `actions`, which every operation counts. */
  counts: ReadonlyMap<string, readonly string[]>;
}

const PRINCIPAL_OF: Record<Question, string> = { request: 'Agent', review: 'Agent', approve: 'Person' };
const QUESTIONS: readonly Question[] = ['request', 'review', 'approve'];

/** Checks that the schema parses and has, for each operation, the actions and contexts that Countersign sends. */
export function checkSchema(
  source: SourceFile,
  entities: cedar.EntityJson[],
): { schema: CheckedSchema | null; problems: Problem[] } {
  const faults = nestingFaults(source, 'schema');
  if (faults.length > 0) return { schema: null, problems: faults };
  const parsed = cedar.schemaToJson(source.text);
  if (parsed.type === 'failure')
    return { schema: null, problems: cedarProblems(source.path, source.text, 1, parsed.errors) };
  const problems = cedarProblems(source.path, source.text, 1, parsed.warnings);
  const add = (message: string): void => {
    problems.push({ at: source.path, message });
  };
  for (const namespace of Object.keys(parsed.json)) {
    if (namespace !== '') add(`declares namespace "${namespace}"; Countersign uses none`);
  }
  const actions = parsed.json['']?.actions ?? {};
  for (const group of ['request', 'approve']) {
    if (!Object.hasOwn(actions, group)) add(`lacks action "${group}", the group of all ${group} questions`);
  }
  const operations = Object.keys(actions).filter((name) => !/^(request|approve)(:|$)/.test(name));
  if (operations.length === 0) add('declares no operation, e.g. action "database.export"');
  for (const operation of operations) {
    if (!nameSchema.safeParse(operation).success)
      add(`declares operation "${operation}"; names are 1 to 63 of a-z 0-9 . _ -`);
    for (const question of QUESTIONS) checkAction(source, operation, question, actions, add);
  }
  for (const name of Object.keys(actions)) {
    const operation = /^(?:request|approve):(.*)$/.exec(name)?.[1];
    if (operation !== undefined && !operations.includes(operation))
      add(`declares action "${name}" without its operation "${operation}"`);
  }
  if (problems.length > 0) return { schema: null, problems };
  const fit = cedar.checkParseEntities({ entities, schema: source.text });
  if (fit.type === 'failure') {
    for (const error of fit.errors)
      add(`does not fit the directory and targets as Countersign sends them: ${messageOf(error)}`);
    return { schema: null, problems };
  }
  const counts = new Map(
    operations.map((operation) => [operation, listed(actions[operation]?.annotations?.['counts'] ?? '')]),
  );
  const lists = operations.map((operation) => actions[operation]?.annotations?.['flags']);
  const flags = lists.every((list) => list !== undefined) ? new Set([UNTRUSTED_INPUT, ...lists.flatMap(listed)]) : null;
  return { schema: { text: source.text, operations, flags, counts }, problems };
}

function listed(text: string): string[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

function checkAction(
  source: SourceFile,
  operation: string,
  question: Question,
  actions: Record<string, cedar.ActionType<string>>,
  add: (message: string) => void,
): void {
  const name = actionFor(question, operation);
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
  if (action === undefined) {
    add(`lacks action "${name}": each operation needs one for the ${question} question`);
    return;
  }
  const parents = (action.memberOf ?? []).map((parent) => parent.id).join(', ');
  const expected = question === 'review' ? '' : question;
  if (parents !== expected) {
    add(
      `action "${name}" is in [${parents}]; it must be in [${expected}], so that policies for one question never answer another`,
    );
  }
  const principals = (action.appliesTo?.principalTypes ?? []).join(', ');
  if (principals !== PRINCIPAL_OF[question])
    add(`action "${name}" has principal ${principals || 'none'}; it must be ${PRINCIPAL_OF[question]}`);
  const context = sampleContext(question);
  const checked = cedar.checkParseContext({ context, schema: source.text, action: { type: 'Action', id: name } });
  if (checked.type === 'failure') {
    for (const error of checked.errors)
      add(`action "${name}" does not fit the context that Countersign sends: ${messageOf(error)}`);
  }
}

/** Cedar's errors as problems; `firstLine` is where the text begins in its file. */
export function cedarProblems(
  path: string,
  text: string,
  firstLine: number,
  errors: readonly cedar.DetailedError[],
): Problem[] {
  return errors.map((error) => {
    const offset = error.sourceLocations?.[0]?.start;
    const line = offset === undefined ? firstLine : firstLine - 1 + lineAtByte(text, offset);
    return { at: `${path}:${String(line)}`, message: messageOf(error) };
  });
}

function messageOf(error: cedar.DetailedError): string {
  const label = error.sourceLocations?.[0]?.label;
  return [error.message, label, error.help]
    .filter((part) => part !== null && part !== undefined && part !== '')
    .join('; ');
}
