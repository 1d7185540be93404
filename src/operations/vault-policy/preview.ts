import { Refusal } from '../../core/errors.js';
import { digestOf, sha256Hex, type JsonObject } from '../../core/json.js';
import type { Flag, Preview } from '../../core/schemas/action.js';
import type { VaultTarget } from '../../targets/vault.js';
import type { TokenVault } from '../../vault/leases.js';
import { VaultFault } from '../../vault/vault-fault.js';
import { nameForPeople } from '../database-export/names-for-people.js';
import { fitLines, numberIn } from '../facts.js';
import { beforeIn, diffOf } from './diff.js';
import { renderPolicy, type PolicyDocument } from './document.js';
import { effectiveChange, type EffectiveChange, type PathCapability } from './effective.js';
import { findPolicyFlags } from './flags.js';
import type { VaultPolicyParams } from './params.js';
import { PolicyFault, POLICY_LIMITS, readPolicy } from './read-policy.js';

const CONTENT_CHARS = 190_000;

export interface PolicyPreviewInput {
  params: VaultPolicyParams;
  target: VaultTarget;
  pastChanges: number;
  nowMs: number;
}

export interface PolicyPreview {
  preview: Preview;
  flags: Flag[];
  /** What Vault has, as text; null when it has no such policy. */
  present: string | null;
  /** What would be written; null to delete it. */
  proposed: string | null;
}

/** Reads the policy as it is and compares it with what it would be. */
export async function previewPolicy(vault: TokenVault, input: PolicyPreviewInput): Promise<PolicyPreview> {
  const { params, target } = input;
  const present = await readPresent(vault, params.name);
  const before = present === null ? [] : understood(params.name, present);
  const after = proposedBy(params);
  const effective = effectiveChange(before, after);
  const proposed = params.do === 'delete' ? null : renderPolicy(after);
  const diff = diffOf(before, after);
  const flags = findPolicyFlags({
    effective,
    after,
    isDeleted: proposed === null && present !== null,
    target,
    pastChanges: input.pastChanges,
    nowMs: input.nowMs,
  });
  const preview: Preview = {
    summary: summaryOf(params, effective, target, present === null),
    facts: factsOf(params, target, effective, present),
    content: { language: 'diff', text: contentOf(params.name, diff, { present, proposed }) },
    fingerprint: digestOf({
      target: target.name,
      policy: params.name,
      present: present === null ? null : renderPolicy(before),
    }),
    estimate: {
      allowed: effective.allowed.length,
      lost: effective.lost.length,
      before: stateDigest(present),
      after: stateDigest(proposed),
    },
  };
  if (preview.content.text.length > CONTENT_CHARS)
    throw new Refusal('change_forbidden', 'The change is too large to be shown whole.', 'params.document');
  return { preview, flags, present, proposed };
}

/** The document that is asked for, in the form in which it is written. Empty for a deletion. */
export function proposedBy(params: VaultPolicyParams): PolicyDocument {
  if (params.do === 'delete') return [];
  try {
    const document = readPolicy(params.document);
    if (Buffer.byteLength(renderPolicy(document)) <= POLICY_LIMITS.documentBytes) return document;
    throw new PolicyFault(`written out it has more than ${String(POLICY_LIMITS.documentBytes)} bytes`);
  } catch (error) {
    if (!(error instanceof PolicyFault)) throw error;
    throw new Refusal(
      'params_invalid',
      `The document cannot be taken: ${nameForPeople(error.message)}.`,
      'params.document',
    );
  }
}

/** A policy's text; null when there is none. @throws VaultFault */
export async function readPresent(vault: Pick<TokenVault, 'read'>, name: string): Promise<string | null> {
  try {
    const { data } = await vault.read(pathOf(name));
    const text: unknown = (data as { policy?: unknown } | undefined)?.policy;
    if (typeof text === 'string') return text;
    throw new VaultFault(pathOf(name), 200, ['the answer holds no policy']);
  } catch (error) {
    if (error instanceof VaultFault && error.status === 404) return null;
    throw error;
  }
}

/** Where a policy is. */
export function pathOf(name: string): string {
  return `sys/policies/acl/${name}`;
}

/** Names what a policy says, whatever its layout; `absent` for none, and by its bytes what cannot be read. */
export function stateDigest(text: string | null): string {
  if (text === null) return 'absent';
  try {
    return sha256Hex(renderPolicy(readPolicy(text)));
  } catch (error) {
    if (error instanceof PolicyFault) return `unread ${sha256Hex(text)}`;
    throw error;
  }
}

/** Parameters of the action that takes this one back, out of what people were shown; null when nothing changed. */
export function undoOf(params: VaultPolicyParams, { content, estimate }: Preview): JsonObject | null {
  const { target, name } = params;
  if (estimate['before'] === estimate['after']) return null;
  if (estimate['before'] === 'absent') return { do: 'delete', target, name };
  return { do: 'set', target, name, document: beforeIn(content.text.split('\n').slice(HEADER_LINES)) };
}

function understood(name: string, present: string): PolicyDocument {
  try {
    return readPolicy(present);
  } catch (error) {
    if (!(error instanceof PolicyFault)) throw error;
    throw new Refusal(
      'change_forbidden',
      `The present policy ${name} holds what this operation does not know, so its change could not be shown: ${nameForPeople(error.message)}.`,
      'params.name',
    );
  }
}

const HEADER_LINES = 2;

function contentOf(
  name: string,
  diff: readonly string[],
  { present, proposed }: { present: string | null; proposed: string | null },
): string {
  return [
    `--- ${name}, ${present === null ? 'which is not there' : 'as it is'}`,
    `+++ ${name}, ${proposed === null ? 'deleted' : 'as it will be'}`,
    ...diff,
  ].join('\n');
}

function summaryOf(
  { do: what, name }: VaultPolicyParams,
  { allowed, lost, limits }: EffectiveChange,
  target: VaultTarget,
  isNew: boolean,
): string {
  const verb = what === 'delete' ? 'Deletion' : isNew ? 'Creation' : 'Change';
  const limited = limits.length === 0 ? '' : `, limits changed on ${String(limits.length)} paths`;
  return `${verb} of Vault policy ${name} on ${target.name} (${target.environment}): ${String(allowed.length)} capabilities newly allowed, ${String(lost.length)} lost${limited}`;
}

function factsOf(
  { name }: VaultPolicyParams,
  target: VaultTarget,
  { allowed, lost, denyGone, denyNew, limits }: EffectiveChange,
  present: string | null,
): Preview['facts'] {
  return [
    { label: 'Target', value: `${target.name} (${target.environment})` },
    { label: 'Policy', value: present === null ? `${name}, which is not there yet` : name },
    { label: 'Newly allowed', value: fitLines(byPath(allowed)) },
    { label: 'No longer allowed', value: fitLines(byPath(lost)) },
    { label: 'No longer denied', value: fitLines(denyGone.map(nameForPeople)) },
    { label: 'Newly denied', value: fitLines(denyNew.map(nameForPeople)) },
    {
      label: 'Limits changed',
      value: fitLines(
        limits.map((one) => nameForPeople(`${one.path}: ${one.before || 'none'} → ${one.after || 'none'}`)),
      ),
    },
    { label: 'Counted', value: 'by the most specific path, as Vault does; of this policy alone' },
  ];
}

function byPath(pairs: readonly PathCapability[]): string[] {
  const found = new Map<string, string[]>();
  for (const { path, capability } of pairs) found.set(path, [...(found.get(path) ?? []), capability]);
  return [...found].map(([path, capabilities]) => `${nameForPeople(path)}: ${capabilities.join(', ')}`);
}

/** Why more would be allowed or lost than was approved; null when it is not. */
export function grewSince(approved: Preview, now: Preview): string | null {
  for (const [field, what] of [
    ['allowed', 'newly allow'],
    ['lost', 'take away'],
  ] as const) {
    const before = numberIn(approved.estimate[field], 0);
    const after = numberIn(now.estimate[field], Number.POSITIVE_INFINITY);
    if (after > before) return `It would now ${what} ${String(after)} capabilities; ${String(before)} were approved.`;
  }
  return null;
}
