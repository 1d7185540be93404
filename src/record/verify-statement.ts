import { createHash } from 'node:crypto';
import { z } from 'zod';
import { open, readPayload, type Envelope, type EnvelopeFault, type PublicKey } from '../core/dsse.js';
import type { VerifyEd25519 } from '../core/ed25519.js';
import { Refusal } from '../core/errors.js';
import { digestOf } from '../core/json.js';
import { keysFor, type KeyPurpose, type Keyring } from '../core/keyring.js';
import { recordedEnvelopeSchema } from '../core/schemas/primitives.js';
import {
  predicateTypeOf,
  statementBodySchemas,
  statementSchema,
  type ProcessName,
  type Statement,
  type StatementBody,
  type StatementKind,
} from '../core/schemas/statements.js';
import type { AgentSigners } from '../directory/agent-signers.js';
import { createNativeVerifier } from './native-ed25519.js';
import { subjectNameOf } from '../core/statement.js';

/**
 * Whose signatures count. For reading, the signers of an agent are those of every bundle that was in force: who may act
 * is asked of the bundle in force besides, by `openRequest` and by the executor's checks.
 */
export interface Verifiers extends AgentSigners {
  keyring(): Keyring;
}

/** A statement whose signature, kind, subject and body hold. */
export interface VerifiedStatement {
  statement: Statement;
  /** SHA-256 of the payload. */
  digest: string;
}

// An action's statements are read by several stages of one process; verifying and parsing one costs half a millisecond.
// What is on record of an action that waits has some 9,500 characters, so that 1,700 such actions fit: more is verified again.
const REMEMBERED_CHARS = 16 * 1_024 * 1_024;

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

/** What was found to hold, and by which key. */
interface Remembered {
  verified: VerifiedStatement;
  /** For what an agent states: whose statement it is. */
  agent: string | null;
  key: PublicKey;
  /** Length of the envelope's text: how much remembering it takes. */
  chars: number;
}

/**
 * Makes the judge of single statements. It judges each envelope once per process: what it remembers is that this very
 * key signed this very envelope, so that a change of the keyring or of an agent's key is seen at once. What it answers
 * is frozen, for later readers are given the same.
 */
export function createStatementVerifier(
  verifiers: Verifiers,
): (kind: StatementKind, actionId: string | null, envelope: Envelope) => VerifiedStatement {
  const memory = createMemory(REMEMBERED_CHARS);
  const verifySignature = createNativeVerifier();

  const keysOf = (kind: StatementKind, agent: string | null): readonly PublicKey[] =>
    agent === null ? keysFor(verifiers.keyring(), kind) : keysForAgent(kind, agent, verifiers);

  const isInForce = (kind: StatementKind, { agent, key }: Remembered): boolean =>
    keysOf(kind, agent).some(({ keyid, publicKey }) => keyid === key.keyid && publicKey === key.publicKey);

  const judge = (kind: StatementKind, actionId: string | null, candidate: unknown): Omit<Remembered, 'chars'> => {
    const envelope = envelopeOf(candidate);
    const agent = kind === 'request' || kind === 'withdrawal' ? agentNamedIn(envelope) : null;
    const keys = keysOf(kind, agent);
    if (agent !== null && keys.length === 0) throw invalid(`the directory has no agent "${agent.slice(0, 63)}"`);
    const opened = openBy(envelope, keys, verifySignature);
    if (!opened.ok) throw invalid(`its envelope does not verify (${opened.fault})`);
    const parsed = schemaOf(kind).safeParse(opened.payload);
    if (!parsed.success) throw invalid(`its content is not a ${kind}: ${z.prettifyError(parsed.error)}`);
    const statement = parsed.data;
    checkSubject(kind, actionId, statement);
    checkForm(actionId, statement, opened.key.keyid);
    // As `payloadDigest`, by OpenSSL: the payload is base64 of one spelling, for it opened.
    const digest = createHash('sha256').update(Buffer.from(envelope.payload, 'base64')).digest('hex');
    return { verified: freeze({ statement, digest }), agent, key: opened.key };
  };

  return (kind, actionId, candidate) => {
    // All that the judgement depends on, but for the keys.
    const asked = textOf([kind, actionId, candidate]);
    const name = createHash('sha256').update(asked).digest('base64');
    const known = memory.take(name);
    const isKnown = known !== undefined && isInForce(kind, known);
    const found = isKnown ? known : { ...judge(kind, actionId, candidate), chars: asked.length };
    memory.keep(name, found);
    return found.verified;
  };
}

interface Memory {
  /** Removes it, too. */
  take(name: string): Remembered | undefined;
  /** As the newest; the oldest are forgotten when it is full. */
  keep(name: string, what: Remembered): void;
}

function createMemory(maxChars: number): Memory {
  const all = new Map<string, Remembered>();
  let chars = 0;
  const take: Memory['take'] = (name) => {
    const found = all.get(name);
    if (found === undefined) return undefined;
    all.delete(name);
    chars -= found.chars;
    return found;
  };
  return {
    take,
    keep(name, what) {
      all.set(name, what);
      chars += what.chars;
      for (const oldest of all.keys()) {
        if (chars <= maxChars) break;
        take(oldest);
      }
    },
  };
}

function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.values(value).forEach(freeze);
  return Object.freeze(value);
}

/** @throws Refusal for what no process writes: a row that is nested too deeply must not hold up who reads them all. */
function textOf(asked: unknown): string {
  try {
    return JSON.stringify(asked);
  } catch (error) {
    if (error instanceof RangeError) throw invalid('it is nested too deeply');
    throw error;
  }
}

function envelopeOf(candidate: unknown): Envelope {
  const parsed = recordedEnvelopeSchema.safeParse(candidate);
  if (!parsed.success) throw invalid(`it has no well-formed envelope: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

const namesAgentSchema = z.object({ predicate: z.object({ body: z.object({ agent: z.string() }) }) });

/** The agent whom an unverified payload names: only that agent's key may have signed it. */
function agentNamedIn(envelope: Envelope): string {
  const claimed = namesAgentSchema.safeParse(safePayload(envelope));
  if (!claimed.success) throw invalid('it names no agent');
  return claimed.data.predicate.body.agent;
}

/** An agent's own keys, and the gateway's for an agent that had none at some time. */
function keysForAgent(kind: StatementKind, agent: string, verifiers: Verifiers): readonly PublicKey[] {
  const byIntake = verifiers.signsByIntake?.(agent) === true ? keysFor(verifiers.keyring(), kind) : [];
  return [...verifiers.agentKeys(agent), ...byIntake];
}

/** Opens an envelope by whichever of the keys signed it: an agent's earlier keys have the same key id as its newest. */
function openBy(
  envelope: Envelope,
  keys: readonly PublicKey[],
  verify: VerifyEd25519,
): { ok: true; key: PublicKey; payload: unknown } | { ok: false; fault: EnvelopeFault } {
  let fault: EnvelopeFault = 'key_unknown';
  for (const key of keys.filter(({ keyid }) => keyid === envelope.signatures[0]?.keyid)) {
    const opened = open(envelope, [key], verify);
    if (opened.ok) return { ok: true, key, payload: opened.payload };
    fault = opened.fault;
  }
  return { ok: false, fault };
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

/**
 * A freeze by a person is the gateway's to state, about no action; one by the executor is about the action that it came from.
 * Of incidents the gateway states that people found a broken glass not justified, who leases that the lease was stolen, and the
 * executor all others.
 * @param keyid of the key that signed it; absent while it is a draft.
 */
export function checkForm(actionId: string | null, { predicateType, predicate }: Statement, keyid?: string): void {
  if (predicateType === predicateTypeOf('incident'))
    checkIncident(predicate as Statement<'incident'>['predicate'], keyid);
  if (predicateType !== predicateTypeOf('freeze')) return;
  const isByPerson = (predicate.body as StatementBody<'freeze'>).because === 'person';
  const signer = isByPerson ? 'decision/' : 'executor/';
  const isTheirs = predicate.chain?.process === (isByPerson ? 'gateway' : 'executor');
  if (!isTheirs || (keyid !== undefined && !keyid.startsWith(signer)))
    throw invalid(`a freeze by ${isByPerson ? 'a person' : 'the executor'} is stated by another process`);
  if ((actionId === null) !== isByPerson)
    throw invalid(`a freeze by ${isByPerson ? 'a person is about no action' : 'the executor is about an action'}`);
}

/** The code of an incident that people open: they found that the glass should not have been broken. */
export const UNJUSTIFIED_BREAK_GLASS = 'break_glass_unjustified';

/** The code of an incident that whoever leases opens: somebody else unwrapped the token. */
export const LEASE_INTERCEPTED = 'lease_intercepted';

function checkIncident({ body, chain }: Statement<'incident'>['predicate'], keyid?: string): void {
  const purpose = chain === null ? undefined : signersOfIncident(body.code)[chain.process];
  if (purpose === undefined || (keyid !== undefined && !keyid.startsWith(`${purpose}/`)))
    throw invalid(`an incident ${body.code} is stated by another process`);
}

/** Which processes state it, each with which key. */
function signersOfIncident(code: string): Partial<Record<ProcessName, KeyPurpose>> {
  switch (code) {
    case UNJUSTIFIED_BREAK_GLASS:
      return { gateway: 'decision' };
    case LEASE_INTERCEPTED:
      return { worker: 'worker', executor: 'executor' };
    default:
      return { executor: 'executor' };
  }
}

/** A tampered or malformed statement; `why` completes the sentence. */
export function invalid(why: string): Refusal {
  return new Refusal('statement_invalid', `A statement is not valid: ${why}.`);
}
