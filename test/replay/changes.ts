import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import type { Envelope } from '../../src/core/dsse.js';
import type { Keyring } from '../../src/core/keyring.js';
import type { Flag } from '../../src/core/schemas/action.js';
import type { AnyRecorded } from '../../src/record/record.js';
import type { Texts } from '../support/policy-changes.js';

/** A change of policy as it was once decided on, and what a process found of it: the same for ever. */
export interface SavedChange {
  mount: string;
  keyring: Keyring;
  /** Texts of the bundle that was in force, by file name. */
  before: Texts;
  /** Packed, as it was uploaded. */
  document: string;
  change: string;
  statements: SavedStatement[];
  /** When it was decided again. */
  nowMs: number;
  /** The risks that were found by comparing. */
  flags: Pick<Flag, 'code' | 'severity'>[];
  finding: { kind: 'proven'; digest: string } | { kind: 'unproven'; why: string };
}

/** A row of the record: all else is in its envelope. */
export type SavedStatement = Pick<AnyRecorded, 'sequence' | 'kind' | 'actionId' | 'key' | 'recordedAtMs'> & {
  envelope: Envelope;
};

const folder = new URL('./changes/', import.meta.url);

export function changeFile(name: string): URL {
  return new URL(`${name}.json`, folder);
}

export async function savedChanges(): Promise<string[]> {
  if (!existsSync(folder)) return [];
  return (await readdir(folder)).map((file) => file.replace(/[.]json$/, '')).sort();
}

export async function readSavedChange(name: string): Promise<SavedChange> {
  return JSON.parse(await readFile(changeFile(name), 'utf8')) as SavedChange;
}
