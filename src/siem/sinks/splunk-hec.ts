import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { SinkFault, type OpenSink, type SiemEvent, type SinkKind } from '../sink.js';
import { sendOrFindRejected, type BatchAnswer } from './find-rejected.js';
import { post, type HttpAnswer, type HttpTarget } from './http-post.js';
import { receiverUrl } from '../../config/receivers.js';
import { filePath, readText, readToken, sinkName } from './settings.js';

const ACK_EVERY_MS = 500;
const ACK_WITHIN_MS = 60_000;

const schema = z.strictObject({
  kind: z.literal('splunk-hec'),
  name: sinkName,
  /** Of the collector, e.g. `https://splunk.example.com:8088`. */
  url: receiverUrl,
  /** A file with the collector's token. */
  tokenFile: filePath,
  /** Default: the token's. */
  index: z
    .string()
    .regex(/^[a-z0-9_][a-z0-9_-]{0,79}$/, 'must be the name of an index')
    .optional(),
  sourcetype: z
    .string()
    .regex(/^[\w:.-]{1,100}$/, 'must be the name of a source type')
    .default('ocsf:countersign'),
  /** Waits until Splunk has indexed: the token must have indexer acknowledgement on. */
  acknowledge: z.boolean().default(false),
  caFile: filePath.optional(),
});
type Settings = z.infer<typeof schema>;

/** Splunk's HTTP Event Collector: https://docs.splunk.com/Documentation/Splunk/latest/Data/HECRESTendpoints */
export const siemSink: SinkKind<Settings> = {
  kind: 'splunk-hec',
  schema,
  resendAfterBreak: () => 0,
  async open(settings) {
    const token = await readToken(settings.tokenFile);
    const channel = randomUUID();
    const headers = {
      'content-type': 'application/json',
      authorization: `Splunk ${token.reveal()}`,
      ...(settings.acknowledge ? { 'x-splunk-request-channel': channel } : {}),
    };
    const ca = settings.caFile === undefined ? undefined : await readText(settings.caFile);
    return openCollector(settings, { headers, ca }, channel);
  },
};

function openCollector(settings: Settings, target: Omit<HttpTarget, 'url'>, channel: string): OpenSink {
  const at = (path: string): HttpTarget => ({ ...target, url: new URL(path, settings.url) });
  const send = async (events: readonly SiemEvent[]): Promise<BatchAnswer> => {
    const body = events.map((event) => wrapped(event, settings)).join('\n');
    const answer = await post(at('/services/collector/event'), body);
    const taken = judge(answer);
    if (taken.taken && settings.acknowledge)
      await untilIndexed(at(`/services/collector/ack?channel=${channel}`), answer);
    return taken;
  };
  return {
    send: (events) => sendOrFindRejected(events, send),
    isAlive: () => true,
    close: () => Promise.resolve(),
  };
}

function wrapped({ event, json }: SiemEvent, { index, sourcetype }: Settings): string {
  const envelope = {
    // Seconds, with three places.
    time: (event.time / 1_000).toFixed(3),
    source: 'countersign',
    sourcetype,
    ...(index === undefined ? {} : { index }),
  };
  return `${JSON.stringify(envelope).slice(0, -1)},"event":${json}}`;
}

/** Codes that say of the data itself that it will not do; all others may pass, or are the operator's to mend. */
const BAD_DATA = [5, 6, 12, 13, 15];

function judge({ status, body, retryAfterMs }: HttpAnswer): BatchAnswer {
  const code = typeof body['code'] === 'number' ? body['code'] : null;
  if (status === 200 && code === 0) return { taken: true };
  const said = code === null ? String(status) : `${String(status)}, code ${String(code)}`;
  if (status === 400 && code !== null && BAD_DATA.includes(code))
    return { taken: false, why: `Splunk refuses it (${said}).` };
  throw new SinkFault(`Splunk answered ${said}${HINTS[code ?? -1] ?? ''}.`, retryAfterMs);
}

const HINTS: Readonly<Record<number, string>> = {
  1: ': the token is disabled',
  2: ': a token is required',
  3: ': the authorization is invalid',
  4: ': the token is invalid',
  7: ': the token may not write to this index',
  9: ': it is busy',
  10: ': the channel is missing; turn acknowledge on, or indexer acknowledgement of the token off',
  14: ': indexer acknowledgement of the token is off',
};

async function untilIndexed(target: HttpTarget, { body }: HttpAnswer): Promise<void> {
  const id = body['ackId'];
  if (typeof id !== 'number')
    throw new SinkFault('Splunk gave no acknowledgement id: turn indexer acknowledgement of the token on.');
  for (let waitedMs = 0; waitedMs < ACK_WITHIN_MS; waitedMs += ACK_EVERY_MS) {
    const { status, body: answer, retryAfterMs } = await post(target, JSON.stringify({ acks: [id] }));
    if (status !== 200)
      throw new SinkFault(`Splunk answered ${String(status)} when asked for its acknowledgement.`, retryAfterMs);
    const acks = answer['acks'];
    if (typeof acks === 'object' && acks !== null && !Array.isArray(acks) && acks[String(id)] === true) return;
    await pause(ACK_EVERY_MS);
  }
  throw new SinkFault('Splunk did not acknowledge within a minute.');
}
