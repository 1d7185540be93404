import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';
import { vi } from 'vitest';

/** An acknowledgement as it came, and when. */
export interface Ack {
  payload: Record<string, unknown>;
  afterMs: number;
}

/** Slack's end of Socket Mode: hands out addresses that work once, says hello, sends envelopes, takes acknowledgements. */
export interface FakeSocket {
  /** The answer to `apps.connections.open`. */
  open(): { ok: true; url: string };
  /** Connections that were greeted so far. */
  greeted(): number;
  /** Waits until so many connections have been greeted. */
  connected(count: number): Promise<void>;
  /** Sends an envelope over the newest connection and waits for its acknowledgement. */
  deliver(type: string, payload: unknown, envelopeId?: string): Promise<Ack>;
  /** Sends a frame as it is. */
  raw(text: string): void;
  /** Asks the client to reconnect, as Slack does when it recycles a connection. */
  recycle(): void;
  /** Breaks the newest connection without a word. */
  breakOff(): void;
  stop(): Promise<void>;
}

export async function startFakeSocket(): Promise<FakeSocket> {
  const tickets = new Set<string>();
  const acks = new Map<string, Ack>();
  const sentAtMs = new Map<string, number>();
  let newest: WebSocket | null = null;
  let count = 0;
  let serial = 0;
  const server = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    // A ticket opens one connection.
    verifyClient: ({ req }: { req: IncomingMessage }) =>
      tickets.delete(new URL(req.url ?? '', 'ws://x').searchParams.get('ticket') ?? ''),
  });
  await new Promise<void>((resolve) => server.once('listening', resolve));
  server.on('connection', (socket) => {
    newest = socket;
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer) => {
      const { envelope_id: id, payload } = JSON.parse(data.toString()) as { envelope_id: string; payload: object };
      acks.set(id, { payload: { ...payload }, afterMs: Date.now() - (sentAtMs.get(id) ?? 0) });
    });
    socket.send(JSON.stringify({ type: 'hello', num_connections: 1, connection_info: { app_id: 'A0APP' } }));
    count += 1;
  });
  const send = (text: string): void => {
    if (newest === null) throw new Error('nobody is connected');
    newest.send(text);
  };
  return {
    open() {
      const ticket = String((serial += 1));
      tickets.add(ticket);
      return {
        ok: true,
        url: `ws://127.0.0.1:${String((server.address() as AddressInfo).port)}/link/?ticket=${ticket}`,
      };
    },
    greeted: () => count,
    connected: (least) =>
      vi.waitFor(
        () => {
          if (count < least) throw new Error(`${String(count)} of ${String(least)} connections`);
        },
        { timeout: 20_000 },
      ),
    async deliver(type, payload, envelopeId = `envelope-${String((serial += 1))}`) {
      acks.delete(envelopeId);
      sentAtMs.set(envelopeId, Date.now());
      send(JSON.stringify({ envelope_id: envelopeId, type, payload, accepts_response_payload: true }));
      return vi.waitFor(
        () => {
          const ack = acks.get(envelopeId);
          if (ack === undefined) throw new Error('not acknowledged');
          return ack;
        },
        { timeout: 10_000 },
      );
    },
    raw: send,
    recycle: () => {
      send(JSON.stringify({ type: 'disconnect', reason: 'refresh_requested', debug_info: { host: 'fake' } }));
    },
    breakOff: () => {
      newest?.terminate();
    },
    async stop() {
      for (const client of server.clients) client.terminate();
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
    },
  };
}
