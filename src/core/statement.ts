import { predicateTypeOf, type Statement, type StatementBody, type StatementKind } from './schemas/statements.js';

/** What a statement is about, and where it stands in its process's chain. */
export interface StatementParts<K extends StatementKind> {
  /** Null only for a refusal of something that named no readable action. */
  actionId: string | null;
  /** SHA-256 of the canonical request body (`digestOf(request)`); of what was sent, for such a refusal. */
  requestDigest: string;
  body: StatementBody<K>;
  /** Null for what an agent signs: agents keep no chain. */
  chain: Statement<K>['predicate']['chain'];
}

/** Puts a body into an in-toto Statement v1 (https://in-toto.io/Statement/v1), ready to be sealed. */
export function buildStatement<K extends StatementKind>(
  kind: K,
  { actionId, requestDigest, body, chain }: StatementParts<K>,
): Statement<K> {
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: subjectNameOf(actionId), digest: { sha256: requestDigest } }],
    predicateType: predicateTypeOf(kind),
    predicate: { body, chain },
  };
}

/** How a statement's subject names its action. */
export function subjectNameOf(actionId: string | null): string {
  return actionId === null ? 'action/unknown' : `action/${actionId}`;
}
