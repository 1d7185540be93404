import type { Client } from 'pg';
import { Refusal } from '../../core/errors.js';
import { digestOf, type JsonObject } from '../../core/json.js';
import type { Flag, Preview } from '../../core/schemas/action.js';
import type { PostgresTarget } from '../../targets/postgres.js';
import { nameForPeople } from '../database-export/names-for-people.js';
import { fitLines, numberIn } from '../facts.js';
import { diffOf, digestOfTouched, fingerprintParts, type DiffLine } from './difference.js';
import { effectiveChange, readHoldings, rolesToAsk, type EffectiveChange, type Pair } from './effective.js';
import { findGrantFlags } from './flags.js';
import type { Change, DatabaseGrantParams } from './params.js';
import { readState } from './read-state.js';
import { rolesOfCountersign } from './roles.js';
import { simulate, type Granting } from './simulate.js';
import { copyOf, granteeName, type State } from './state.js';
import { becomeAdmin } from './statements.js';
import { changesBack } from './undo.js';

const CONTENT_CHARS = 200_000;

export interface GrantPreviewInput {
  params: DatabaseGrantParams;
  target: PostgresTarget;
  pastChanges: number;
  nowMs: number;
}

/** A preview, and the statements by which an execution in the same transaction does what it shows. */
export interface GrantPreview {
  preview: Preview;
  flags: Flag[];
  statements: string[];
  /** Digest of everything touched, as it will be. */
  afterDigest: string;
}

/** Computes the preview in an open session. Reads catalogs only. */
export async function previewGrant(client: Client, input: GrantPreviewInput): Promise<GrantPreview> {
  const { params, target } = input;
  const before = await readState(client, params.changes);
  const granting = grantingAt(target, before);
  const { after, statements } = simulate(copyOf(before), params.changes, granting);
  const holdings = await readHoldings(client, rolesToAsk(before, after, params.changes));
  const effective = effectiveChange(before, after, params.changes, holdings);
  const diff = diffOf(before, after, params.changes);
  const undo = changesBack(after, before, granting);
  const afterDigest = digestOfTouched(after, params.changes);
  const preview: Preview = {
    summary: summaryOf(diff, effective, target),
    facts: factsOf(input, effective, diff, undo),
    content: { language: 'sql', text: contentOf(granting.admin, statements, diff) },
    fingerprint: digestOf({
      target: { name: target.name, host: target.host, port: target.port, database: target.database },
      admin: granting.admin,
      touched: fingerprintParts(before, params.changes),
    }),
    estimate: {
      ...countsOf(effective),
      before: digestOfTouched(before, params.changes),
      after: afterDigest,
      undo: undoOf(params, undo),
    },
  };
  if (preview.content.text.length > CONTENT_CHARS)
    throw new Refusal(
      'change_forbidden',
      'The statements are too many to be shown whole: ask for fewer changes at a time.',
      'params.changes',
    );
  const flags = findGrantFlags({
    before,
    after,
    changes: params.changes,
    effective,
    target,
    pastChanges: input.pastChanges,
    nowMs: input.nowMs,
  });
  return { preview, flags, statements, afterDigest };
}

/** Parameters of the action that takes this one back; null where there is none, or nothing to take back. */
function undoOf({ target }: DatabaseGrantParams, changes: Change[] | null): JsonObject | null {
  return changes === null || changes.length === 0 ? null : ({ target, changes } as unknown as JsonObject);
}

/** Reads what the changes touch, as it stands, by digest. */
export async function readTouched(client: Client, changes: readonly Change[]): Promise<string> {
  return digestOfTouched(await readState(client, changes), changes);
}

function grantingAt(target: PostgresTarget, state: State): Granting {
  const { admin, protectedRoles } = grantsOf(target);
  const role = state.roles.get(admin);
  if (role === undefined)
    throw new Refusal(
      'change_forbidden',
      `${target.name} has no role ${nameForPeople(admin)}, which its entry names as grants.admin.`,
    );
  if (role.superuser)
    throw new Refusal(
      'change_forbidden',
      `${nameForPeople(admin)}, by which ${target.name} would grant, is a superuser.`,
    );
  return { admin, protectedRoles, ofCountersign: rolesOfCountersign(state, admin, protectedRoles) };
}

/** @throws Refusal `change_forbidden` where the target's entry has no `grants`. */
export function grantsOf({ name, grants }: PostgresTarget): NonNullable<PostgresTarget['grants']> {
  if (grants !== undefined) return grants;
  throw new Refusal(
    'change_forbidden',
    `Target ${name} is not set up for database.grant: its entry has no "grants".`,
    'params.target',
  );
}

function summaryOf(
  diff: readonly DiffLine[],
  { allowed, lost }: EffectiveChange,
  { name, environment }: PostgresTarget,
): string {
  const changed = diff.filter(({ sign }) => sign !== ' ').length;
  if (changed === 0) return `No change of privileges on ${name} (${environment}): all of it is so already`;
  return `Change of privileges on ${name} (${environment}): ${countOf(allowed.length, 'right')} newly allowed, ${String(lost.length)} lost`;
}

/** All that runs, and what it makes of the present privileges. */
function contentOf(admin: string, statements: readonly string[], diff: readonly DiffLine[]): string {
  const lines = diff.map(({ sign, text }) => `-- ${sign} ${nameWhole(text)}`);
  return [
    'BEGIN;',
    ...[becomeAdmin(admin), ...statements].map((statement) => `${statement};`),
    'COMMIT;',
    '',
    '-- Privileges, memberships and roles, present against after (+ new, - gone):',
    ...(lines.length === 0 ? ['--   nothing changes'] : lines),
  ].join('\n');
}

function factsOf(
  { params, target }: GrantPreviewInput,
  { allowed, lost }: EffectiveChange,
  diff: readonly DiffLine[],
  undo: Change[] | null,
): Preview['facts'] {
  const changed = diff.filter(({ sign }) => sign !== ' ').length;
  return [
    { label: 'Target', value: `${target.name} (${target.environment}), database ${nameForPeople(target.database)}` },
    {
      label: 'Changes asked for',
      value: `${String(params.changes.length)}; entries that differ afterwards: ${String(changed)}`,
    },
    { label: 'Newly allowed', value: fitLines(linesOf(allowed)) },
    { label: 'No longer allowed', value: fitLines(linesOf(lost)) },
    {
      label: 'Roles reached',
      value: fitLines([...new Set([...allowed, ...lost].map(({ role }) => nameForPeople(granteeName(role))))]),
    },
    { label: 'Granted by', value: nameForPeople(grantsOf(target).admin) },
    { label: 'Undo', value: undo === null ? 'cannot be undone by one action' : countOf(undo.length, 'change') },
  ];
}

/** One line for each role and object. */
function linesOf(pairs: readonly Pair[]): string[] {
  const lines = new Map<string, Pair[]>();
  for (const pair of pairs) {
    const id = JSON.stringify([pair.role, pair.object]);
    lines.set(id, [...(lines.get(id) ?? []), pair]);
  }
  return [...lines.values()].map((group) => {
    const [{ role, object } = { role: '', object: '' }] = group;
    const privileges = group.map(({ privilege }) => privilege).join(', ');
    return `${nameForPeople(granteeName(role))}: ${privileges} on ${nameForPeople(object)}`;
  });
}

/** What `grew` compares: how much is allowed and lost, and to whom. */
function countsOf({ allowed, lost }: EffectiveChange): JsonObject {
  const rolesOf = (pairs: readonly Pair[]): string[] => [...new Set(pairs.map(({ role }) => role))].sort();
  return { allowed: allowed.length, lost: lost.length, reached: rolesOf(allowed), losing: rolesOf(lost) };
}

/** Names in it are the server's: what cannot be seen is written out. */
function nameWhole(text: string): string {
  return text.replace(/[\p{C}\u2028\u2029]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

function countOf(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;
}

/** Why the effect now is larger than approved: more roles gain or lose, or more of it; null when it is not. */
export function grewSince(approved: Preview, now: Preview): string | null {
  for (const [field, verb] of [
    ['reached', 'gain rights'],
    ['losing', 'lose rights'],
  ] as const) {
    const known = namesIn(approved.estimate[field]);
    const added = namesIn(now.estimate[field]).filter((role) => !known.includes(role));
    if (added.length > 0) {
      const roles = added.slice(0, 10).map((role) => nameForPeople(granteeName(role)));
      return `It would now also let ${String(added.length)} other role(s) ${verb}: ${roles.join(', ')}.`;
    }
  }
  for (const [field, what] of [
    ['allowed', 'newly allow'],
    ['lost', 'take away'],
  ] as const) {
    const before = numberIn(approved.estimate[field], 0);
    const after = numberIn(now.estimate[field], Number.POSITIVE_INFINITY);
    if (after > before) return `It would now ${what} ${String(after)} rights; ${String(before)} were approved.`;
  }
  return null;
}

function namesIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((name) => typeof name === 'string') : [];
}
