import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { json } from 'node:stream/consumers';
import { z } from 'zod';

/** Who makes payloads readable in Temporal's UI. */
export interface UiCodec {
  /** Address of the codec server. */
  readonly endpoint: string;
  /** Where people sign in for it. */
  readonly signIn: string;
}

export interface ReadableUi {
  readonly url: string;
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const SETTINGS = '/api/v1/settings';
const settingsSchema = z.looseObject({ Codec: z.looseObject({}) });

/**
 * Serves the UI of Temporal's development server so that browsers send their session along to the codec server, which no option
 * of that server turns on: all is passed on as it is, but for the codec in the settings that the UI asks for first. What a UI
 * server of its own is told by `TEMPORAL_CODEC_*` (https://docs.temporal.io/references/web-ui-environment-variables).
 */
export async function serveReadableUi(port: number, uiPort: number, codec: UiCodec): Promise<ReadableUi> {
  const server = createServer((asked, answer) => {
    const asksSettings = asked.url?.split('?')[0] === SETTINGS;
    // What is read here must not come compressed.
    const headers = asksSettings ? { ...asked.headers, 'accept-encoding': 'identity' } : asked.headers;
    const passed = request({ host: HOST, port: uiPort, path: asked.url, method: asked.method, headers });
    const fail = (): void => {
      if (!answer.headersSent) answer.writeHead(502);
      answer.end();
    };
    passed.once('error', fail);
    passed.once('response', (found) => {
      if (asksSettings) answerSettings(found, answer, codec).catch(fail);
      else pipeline(found, answer.writeHead(found.statusCode ?? 502, found.headers), () => undefined);
    });
    asked.pipe(passed);
    answer.once('close', () => passed.destroy());
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, HOST, resolve));
  return {
    url: `http://${HOST}:${String(port)}`,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answerSettings(found: IncomingMessage, answer: ServerResponse, codec: UiCodec): Promise<void> {
  const settings = settingsSchema.parse(await json(found));
  settings.Codec = {
    ...settings.Codec,
    Endpoint: codec.endpoint,
    IncludeCredentials: true,
    DefaultErrorMessage: 'Sign in to the full view to read what is encrypted, then reload this page.',
    DefaultErrorLink: codec.signIn,
  };
  const text = JSON.stringify(settings);
  const headers = { ...found.headers, 'content-length': Buffer.byteLength(text) };
  answer.writeHead(found.statusCode ?? 502, headers).end(text);
}
