import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { temporal } from '@temporalio/proto';

type History = temporal.api.history.v1.IHistory;

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
  'glass-broken',
  'retrospective',
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
  return (await readdir(folder)).filter((file) => file.endsWith('.json')).sort();
}

export async function readText(fileName: string): Promise<string> {
  return readFile(new URL(fileName, folder), 'utf8');
}

export async function readHistory(fileName: string): Promise<History> {
  return temporal.api.history.v1.History.fromObject(JSON.parse(await readText(fileName)) as Record<string, unknown>);
}

// Vault's tokens, credentials in URLs and in JSON: in any text, in payloads, whose bytes are base64, and in the envelopes in
// them, whose statements are base64 again.
const CREDENTIAL = /\bhv[sbr]\.|\b[sbr]\.[A-Za-z0-9]{20,}|password|secret_id|accessor|[a-z]+:\/\/[^\s/@"]+:[^\s/@"]+@/i;

/**
 * As protobuf writes it: numbers of 64 bits as texts, bytes in base64. Stacks, and who polled, are of the machine and
 * the run that made it, and decide nothing.
 */
export function historyToText(history: History): string {
  const kept = (key: string, value: unknown): unknown => {
    if (key === 'encodedAttributes') return withoutStack(value as { data: string });
    return key === 'stackTrace' ? '' : value;
  };
  return `${JSON.stringify(history, kept, 1).replace(/\d+@[\w.-]+/g, '1@recorded')}\n`;
}

/** A failure's message and stack, as its converter writes them. */
function withoutStack<T extends { data: string }>(payload: T): T {
  const { message } = JSON.parse(Buffer.from(payload.data, 'base64').toString()) as { message: string };
  return { ...payload, data: Buffer.from(JSON.stringify({ message, stack_trace: '' })).toString('base64') };
}

/** Texts in a history that look like a credential. */
export function credentialsIn(value: unknown): string[] {
  if (typeof value === 'string') {
    const payload = Buffer.from(value, 'base64').toString();
    const statements = [...payload.matchAll(/"payload":"([A-Za-z0-9+/=]+)"/g)].map(([, text = '']) =>
      Buffer.from(text, 'base64').toString(),
    );
    return [value, payload, ...statements].filter((text) => CREDENTIAL.test(text));
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(credentialsIn);
}
