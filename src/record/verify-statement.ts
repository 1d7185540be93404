import { z } from 'zod';
import { open, payloadDigest, readPayload, type Envelope, type PublicKey } from '../core/dsse.js';
import { Refusal } from '../core/errors.js';
import { digestOf, sha256Hex } from '../core/json.js';
import { keysFor, type Keyring } from '../core/keyring.js';
import { envelopeSchema } from '../core/schemas/primitives.js';
import {
  statementBodySchemas,
  statementSchema,
  type Statement,
  type StatementKind,
} from '../core/schemas/statements.js';
import { createNativeVerifier } from './native-ed25519.js';
import { subjectNameOf } from '../core/statement.js';

/** Whose signatures count. */
export interface Verifiers {
  keyring(): Keyring;
  agentKey(agent: string): PublicKey | undefined;
}

/** A statement whose signature, kind, subject and body hold. */
export interface VerifiedStatement {
  statement: Statement;
  /** SHA-256 of the payload. */
  digest: string;
}

// A verification costs about a millisecond; an action's statements are read by several stages of one process.
const REMEMBERED = 4_096;

const schemas = new Map<StatementKind, z.ZodType<Statement>>(
  (Object.keys(statementBodySchemas) as StatementKind[]).map((kind) => [kind, statementSchema(kind)]),
);

/** The schema of a kind of statement, built once. */
export function schemaOf(kind: StatementKind): z.ZodType<Statement> {
  const schema = schemas.get(kind);
  if (schema === undefined) throw new Error(`schemaOf: there is no kind of statement "${kind}"`);
  return schema;
}

export function isStatementKind(kind: string): kind is StatementKind {
  return Object.hasOwn(statementBodySchemas, kind);
}

/**
 * Makes the judge of single statements. It checks each signature once per process: what it remembers is that
 * this very key signed this very envelope, so that a change of the keyring or of an agent's key is seen at once.
 */
export function createStatementVerifier(
  verifiers: Verifiers,
): (kind: StatementKind, actionId: string | null, envelope: Envelope) => VerifiedStatement {
  const holds = new Set<string>();
  const verifySignature = createNativeVerifier();

  const payloadOf = (envelope: Envelope, keys: readonly PublicKey[]): unknown => {
    const [signature] = envelope.signatures;
    const key = keys.find((candidate) => candidate.keyid === signature?.keyid);
    const memory = sha256Hex(
      [key?.publicKey, signature?.keyid, signature?.sig, envelope.payloadType, envelope.payload].join('\n'),
    );
    if (key !== undefined && holds.has(memory)) {
      holds.delete(memory); // the newest last: the oldest is forgotten first
      holds.add(memory);
      return readPayload(envelope);
    }
    const opened = open(envelope, keys, verifySignature);
    if (!opened.ok) throw invalid(`its envelope does not verify (${opened.fault})`);
    holds.add(memory);
    if (holds.size > REMEMBERED)
      for (const oldest of holds) {
        holds.delete(oldest);
        break;
      }
    return opened.payload;
  };

  return (kind, actionId, candidate) => {
    const envelope = envelopeOf(candidate);
    const keys =
      kind === 'request' || kind === 'withdrawal' ? agentKeys(envelope, verifiers) : keysFor(verifiers.keyring(), kind);
    const parsed = schemaOf(kind).safeParse(payloadOf(envelope, keys));
    if (!parsed.success) throw invalid(`its content is not a ${kind}: ${z.prettifyError(parsed.error)}`);
    const statement = parsed.data;
    checkSubject(kind, actionId, statement);
    return { statement, digest: payloadDigest(envelope) };
  };
}

function envelopeOf(candidate: unknown): Envelope {
  const parsed = envelopeSchema.safeParse(candidate);
  if (!parsed.success) throw invalid(`it has no well-formed envelope: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** The key of the agent whom an unverified payload names: only that key may have signed it. */
function agentKeys(envelope: Envelope, verifiers: Verifiers): PublicKey[] {
  const claimed = z
    .object({ predicate: z.object({ body: z.object({ agent: z.string() }) }) })
    .safeParse(safePayload(envelope));
  if (!claimed.success) throw invalid('it names no agent');
  const { agent } = claimed.data.predicate.body;
  const key = verifiers.agentKey(agent);
  if (key === undefined) throw invalid(`the directory has no agent "${agent.slice(0, 63)}"`);
  return [key];
}

function safePayload(envelope: Envelope): unknown {
  try {
    return readPayload(envelope);
  } catch {
    return undefined;
  }
}

function checkSubject(kind: StatementKind, actionId: string | null, statement: Statement): void {
  const [subject] = statement.subject;
  if (subject.name !== subjectNameOf(actionId))
    throw invalid(`it is about ${subject.name}, not about ${subjectNameOf(actionId)}`);
  const body = statement.predicate.body;
  if (kind === 'request' || kind === 'withdrawal') {
    if ((body as { actionId: string }).actionId !== actionId) throw invalid('its body names another action');
    if (statement.predicate.chain !== null) throw invalid('an agent has no chain');
  } else if (statement.predicate.chain === null) throw invalid('it has no place in its process’s chain');
  if (kind === 'request' && subject.digest.sha256 !== digestOf(body))
    throw invalid('its subject is not the digest of the request');
}

/** A tampered or malformed statement; `why` completes the sentence. */
export function invalid(why: string): Refusal {
  return new Refusal('statement_invalid', `A statement is not valid: ${why}.`);
}
