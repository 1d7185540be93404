import { z } from 'zod';
import { canonicalJson, digestOf, type Json, type JsonObject } from '../../core/json.js';

/** Which actions or resources a statement is about: those that match a pattern, or all that match none. */
export interface Selection {
  kind: 'only' | 'except';
  /** Sorted, each once. */
  patterns: string[];
}

/** One statement, normalised: order and repetition mean nothing in IAM, and one text is a list of one. */
export interface Statement {
  sid: string | null;
  effect: 'Allow' | 'Deny';
  /** Actions in the spelling of the document; IAM compares them without regard to case. */
  actions: Selection;
  resources: Selection;
  /** Operator → key in lower case → sorted values; null for none. */
  condition: JsonObject | null;
}

/** A managed policy's document, normalised. */
export interface PolicyDocument {
  version: string;
  statements: Statement[];
}

const texts = z.union([z.string(), z.array(z.string()).min(1)]);
const scalar = z.union([z.string(), z.number(), z.boolean()]);
const conditionSchema = z.record(z.string(), z.record(z.string(), z.union([scalar, z.array(scalar)])));

const statementSchema = z
  .strictObject({
    Sid: z.string().optional(),
    Effect: z.enum(['Allow', 'Deny']),
    Action: texts.optional(),
    NotAction: texts.optional(),
    Resource: texts.optional(),
    NotResource: texts.optional(),
    Condition: conditionSchema.optional(),
    // Known to be refused: a managed policy is attached to its principals, it names none.
    Principal: z.never({ error: 'is not for a managed policy, which is attached to its principals' }).optional(),
    NotPrincipal: z.never({ error: 'is not for a managed policy, which is attached to its principals' }).optional(),
  })
  .refine(({ Action, NotAction }) => (Action === undefined) !== (NotAction === undefined), {
    error: 'must have either Action or NotAction',
  })
  .refine(({ Resource, NotResource }) => (Resource === undefined) !== (NotResource === undefined), {
    error: 'must have either Resource or NotResource',
  });

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
const documentSchema = z.strictObject({
  Version: z.enum(['2012-10-17', '2008-10-17']).default('2008-10-17'),
  Id: z.string().optional(),
  Statement: z.preprocess((sent): unknown[] => (Array.isArray(sent) ? sent : [sent]), z.array(statementSchema).min(1)),
});

// What IAM stores of a document: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicyVersion.html
const STORABLE = /^[\t\n\r\x20-\xff]*$/;
const ACTION = /^(\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+)$/;

export type ParsedDocument =
  | { ok: true; document: PolicyDocument }
  | { ok: false; message: string; /** e.g. `.Statement.0.Effect` */ path: string };

/** Reads a document; says what does not fit IAM's grammar and where. */
export function parseDocument(value: unknown): ParsedDocument {
  const parsed = documentSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const path = issue === undefined ? '' : issue.path.map((part) => `.${String(part)}`).join('');
    return { ok: false, message: `The document is not an IAM policy: ${issue?.message ?? 'malformed'}.`, path };
  }
  if (!STORABLE.test(canonicalJson(value))) {
    return { ok: false, message: 'The document holds characters that IAM does not store (beyond U+00FF).', path: '' };
  }
  const { Version: version, Statement } = parsed.data;
  const statements = Statement.map(normalise);
  const odd = statements.flatMap(({ actions }) => actions.patterns).find((action) => !ACTION.test(action));
  if (odd !== undefined) {
    return { ok: false, message: `"${odd.slice(0, 80)}" is not an action such as s3:GetObject.`, path: '.Statement' };
  }
  return { ok: true, document: { version, statements } };
}

/** Digest of what the document means and says: without the order of statements and values. */
export function documentDigest({ version, statements }: PolicyDocument): string {
  const said = statements.map((statement) => canonicalJson({ sid: statement.sid, means: meaningOf(statement) }));
  return digestOf({ version, statements: said.sort() });
}

/** What a statement means, its name left out: equal texts for equal meanings. */
export function meaningOf({ effect, actions, resources, condition }: Statement): string {
  const lower = { kind: actions.kind, patterns: actions.patterns.map((action) => action.toLowerCase()).sort() };
  return canonicalJson({ effect, actions: lower, resources, condition });
}

function normalise(statement: z.infer<typeof statementSchema>): Statement {
  const { Sid: sid, Effect: effect, Action, NotAction, Resource, NotResource, Condition } = statement;
  return {
    sid: sid ?? null,
    effect,
    actions: select(Action, NotAction, (action) => action.toLowerCase()),
    resources: select(Resource, NotResource, (resource) => resource),
    condition: normaliseCondition(Condition),
  };
}

function select(
  only: string | string[] | undefined,
  except: string | string[] | undefined,
  keyOf: (text: string) => string,
): Selection {
  const byKey = new Map([only ?? except ?? []].flat().map((text) => [keyOf(text), text]));
  const patterns = [...byKey].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, text]) => text);
  return { kind: only === undefined ? 'except' : 'only', patterns };
}

function normaliseCondition(condition: z.infer<typeof conditionSchema> | undefined): JsonObject | null {
  if (condition === undefined) return null;
  const normal: Record<string, Record<string, Json>> = {};
  for (const [operator, keys] of Object.entries(condition)) {
    for (const [key, value] of Object.entries(keys)) {
      const values = [...new Set([value].flat().map(String))].sort();
      // Two spellings of one key would otherwise hide each other.
      const name = Object.hasOwn(normal[operator] ?? {}, key.toLowerCase()) ? key : key.toLowerCase();
      normal[operator] = { ...normal[operator], [name]: values };
    }
  }
  return Object.keys(normal).length === 0 ? null : normal;
}
