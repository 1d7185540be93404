import { until } from './until.js';

/** What came over one stream of server-sent events. */
export interface EventReader {
  status: number;
  headers: Headers;
  /** Ids of the events so far. */
  ids: string[];
  /** All that came, as it came. */
  text(): string;
  isOver(): boolean;
  untilEvents(count: number): Promise<void>;
  close(): void;
}

export async function readEvents(url: string, headers: Record<string, string>): Promise<EventReader> {
  const closing = new AbortController();
  const answer = await fetch(url, { headers, signal: closing.signal });
  const state = { text: '', isOver: false };
  const ids: string[] = [];
  const read = async (): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const chunk of answer.body ?? []) {
      state.text += decoder.decode(chunk as Uint8Array, { stream: true });
      ids.splice(0, ids.length, ...[...state.text.matchAll(/^id: (.+)$/gm)].map(([, id = '']) => id));
    }
  };
  void read()
    .catch(() => undefined)
    .finally(() => {
      state.isOver = true;
    });
  return {
    status: answer.status,
    headers: answer.headers,
    ids,
    text: () => state.text,
    isOver: () => state.isOver,
    untilEvents: (count) => until(async () => ids.length >= count),
    close: () => {
      closing.abort();
    },
  };
}
