import { setMaxListeners } from 'node:events';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Refusal } from '../../core/errors.js';

/** What one browser or program is told of, until it goes. */
export interface Stream {
  /** Whose it is, as records name them: a person may hold so many. */
  who: string;
  /** Ended then, at the latest. */
  untilMs: number;
  /** Asked before each event and each heartbeat: no ends the stream. */
  isAllowed: () => Promise<boolean>;
  /** Calls `push` with each revision, the present one first. @returns how to stop. */
  subscribe: (push: (revision: string) => void, end: () => void) => () => void;
}

export interface EventStreams {
  /** Answers with server-sent events until the stream ends. @throws Refusal `quota_exceeded`. */
  serve(request: FastifyRequest, reply: FastifyReply, stream: Stream): FastifyReply;
}

export interface EventStreamsOptions {
  /** Aborted when the gateway shuts down. */
  closing: AbortSignal;
  clock: () => number;
  /** How often a comment shows proxies that the connection lives. Default 15,000. */
  heartbeatMs?: number;
  /** Default 12: a browser holds six to one host. */
  perPerson?: number;
  /** Of everybody together. Default 2,000. */
  total?: number;
}

/** What a reader may leave unread. */
const MOST_UNSENT_BYTES = 65_536;

/** Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), bounded in number and time. */
export function createEventStreams(options: EventStreamsOptions): EventStreams {
  const { perPerson = 12, total = 2_000 } = options;
  // Each stream listens.
  setMaxListeners(0, options.closing);
  const held = new Map<string, number>();
  let all = 0;
  const count = (who: string, by: 1 | -1): void => {
    all += by;
    const left = (held.get(who) ?? 0) + by;
    if (left === 0) held.delete(who);
    else held.set(who, left);
  };

  return {
    serve(request, reply, stream) {
      if ((held.get(stream.who) ?? 0) >= perPerson)
        throw new Refusal('quota_exceeded', `You hold ${String(perPerson)} event streams already: close one of them.`);
      if (all >= total) throw new Refusal('quota_exceeded', 'The gateway holds as many event streams as it may.');
      count(stream.who, 1);
      const lastId = request.headers['last-event-id'];
      reply.hijack();
      run(reply, { ...stream, lastId: typeof lastId === 'string' ? lastId : null }, options, () => {
        count(stream.who, -1);
      });
      return reply;
    },
  };
}

function run(
  reply: FastifyReply,
  { untilMs, isAllowed, subscribe, lastId }: Stream & { lastId: string | null },
  { closing, clock, heartbeatMs = 15_000 }: EventStreamsOptions,
  onEnd: () => void,
): void {
  const { raw } = reply;
  raw.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    // When a stream ends there is nothing more to say on its connection.
    connection: 'close',
    // nginx would keep events back otherwise.
    'x-accel-buffering': 'no',
  });
  const over = new AbortController();
  const end = (): void => {
    over.abort();
  };
  const write = (text: string): void => {
    if (over.signal.aborted) return;
    raw.write(text);
    if (raw.writableLength > MOST_UNSENT_BYTES) end();
  };
  let shown = lastId;
  let sending = Promise.resolve();
  const sendIfAllowed = (text: () => string | null): void => {
    sending = sending.then(async () => {
      if (over.signal.aborted) return;
      // While the record is away nothing is told; what comes next is.
      const allowed = await isAllowed().catch(() => null);
      if (allowed === false) end();
      const line = allowed === true ? text() : null;
      if (line !== null) write(line);
    });
  };
  const heartbeat = setInterval(() => {
    sendIfAllowed(() => ': alive\n\n');
  }, heartbeatMs);
  const limit = setTimeout(end, Math.max(0, untilMs - clock()));
  raw.once('close', end);
  closing.addEventListener('abort', end, { once: true });
  write('retry: 2000\n\n');
  const stop = subscribe((revision) => {
    sendIfAllowed(() => {
      if (revision === shown) return null;
      shown = revision;
      return `event: change\nid: ${revision}\ndata: ${JSON.stringify({ revision })}\n\n`;
    });
  }, end);
  const finish = (): void => {
    clearInterval(heartbeat);
    clearTimeout(limit);
    closing.removeEventListener('abort', end);
    stop();
    raw.end();
    onEnd();
  };
  // Whoever went before there was anything to say closes nothing any more.
  if (closing.aborted || raw.destroyed) end();
  if (over.signal.aborted) finish();
  else over.signal.addEventListener('abort', finish, { once: true });
}
