import type { Json, JsonObject } from '../../../../src/core/json.js';
import { parseDocument, type PolicyDocument } from '../../../../src/operations/aws-iam-policy/document.js';

/** A statement in IAM's words; what is left out is Allow, on everything. */
export function statement(action: Json, more: JsonObject = {}): JsonObject {
  const resource: JsonObject = 'NotResource' in more ? {} : { Resource: '*' };
  const actions: JsonObject = 'NotAction' in more ? {} : { Action: action };
  return { Effect: 'Allow', ...actions, ...resource, ...more };
}

export function json(...statements: JsonObject[]): JsonObject {
  return { Version: '2012-10-17', Statement: statements };
}

export function parsed(...statements: JsonObject[]): PolicyDocument {
  const result = parseDocument(json(...statements));
  if (!result.ok) throw new Error(`${result.path}: ${result.message}`);
  return result.document;
}
