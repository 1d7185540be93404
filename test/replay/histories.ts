import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { historyFromJSON, type History } from '@temporalio/common/lib/proto-utils.js';

/** Every kind of way that an action can go and that we keep a history of, by version. */
export const NAMES = [
  'approved',
  'denied',
  'withdrawn',
  'expired',
  'escalated',
  'reopened',
  'reset',
  'cancelled',
  'cancelled-while-running',
  'refused',
  'signalled',
  'overdue',
] as const;
export type HistoryName = (typeof NAMES)[number];

const folder = new URL('./histories/', import.meta.url);
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

export function fileOf(name: HistoryName): URL {
  return new URL(`v${version}-${name}.json`, folder);
}

export async function fileNames(): Promise<string[]> {
  return (await readdir(folder)).sort();
}

export async function readText(fileName: string): Promise<string> {
  return readFile(new URL(fileName, folder), 'utf8');
}

export async function readHistory(fileName: string): Promise<History> {
  return historyFromJSON(JSON.parse(await readText(fileName)));
}

// Vault's tokens, credentials in URLs and in JSON: in any text, and in payloads, whose bytes are base64.
const CREDENTIAL = /\bhv[sbr]\.|\b[sbr]\.[A-Za-z0-9]{20,}|password|secret_id|accessor|[a-z]+:\/\/[^\s/@"]+:[^\s/@"]+@/i;

/** Texts in a history that look like a credential. */
export function credentialsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value, Buffer.from(value, 'base64').toString()].filter((text) => CREDENTIAL.test(text));
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(credentialsIn);
}
