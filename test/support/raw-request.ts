import { request as httpRequest, type IncomingMessage } from 'node:http';
import { text as readText } from 'node:stream/consumers';

/** A request as it goes over the wire. */
export interface RawRequest {
  /** Name, value, name, value …: repeated headers stay apart, as `fetch` would not leave them. */
  rawHeaders: readonly string[];
  body: Uint8Array;
}

export interface RawAnswer {
  status: number;
  /** Null where nothing is answered. */
  json: unknown;
}

/** Posts it as it is. */
export async function postRaw(url: string, { rawHeaders, body }: RawRequest): Promise<RawAnswer> {
  const headers = ['host', new URL(url).host, 'content-length', String(body.byteLength), ...rawHeaders];
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    httpRequest(url, { method: 'POST', headers, agent: false }, resolve).once('error', reject).end(body);
  });
  const text = await readText(answer);
  return { status: answer.statusCode ?? 0, json: text === '' ? null : (JSON.parse(text) as unknown) };
}
