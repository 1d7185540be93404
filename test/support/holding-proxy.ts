import { once } from 'node:events';
import { createServer, request as sendRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { predicateTypeOf, type StatementKind } from '../../src/core/schemas/statements.js';

/** One place in the talk between a process and Vault. */
export interface Place {
  method: string;
  /** Of the path, without `/v1/`. */
  path: RegExp;
  /** Held on its way to Vault, or Vault's answer on its way back. */
  phase: 'request' | 'response';
  /** Of the request's body. Default: any. */
  body?: (text: string) => boolean;
}

/** Where the executor has a kind of statement signed: what the statement tells has happened, and is not yet on record. */
export function signingOf(kind: StatementKind): Place {
  const type = JSON.stringify(predicateTypeOf(kind));
  const body = (text: string): boolean => {
    const { batch_input: batch } = JSON.parse(text) as { batch_input: { input: string }[] };
    return batch.some(({ input }) => Buffer.from(input, 'base64').toString().includes(`"predicateType":${type}`));
  };
  return { method: 'POST', path: /\/sign\/executor$/, phase: 'request', body };
}

/** A request that does not go on until it is told to. */
export interface Held {
  /** Resolves with the action for which the process last made a token, when it stands at the place. */
  arrived: Promise<string>;
  release(): void;
}

/** Stands between one process and Vault, and knows where the process is. */
export interface HoldingProxy {
  url: string;
  /** Holds the next request that fits. */
  hold(place: Place): Held;
  /** All tokens, passwords and secret ids that Vault has handed out through it. */
  secrets(): string[];
  close(): Promise<void>;
}

/** A loopback proxy to Vault for GET, POST and PUT (Node's parser knows no LIST). */
export async function startHoldingProxy(target: string): Promise<HoldingProxy> {
  const waiting: { place: Place; arrive: (actionId: string) => void; released: Promise<void> }[] = [];
  const secrets = new Set<string>();
  let actionId = '';
  const standAt = async (phase: Place['phase'], method: string, path: string, body: Buffer): Promise<void> => {
    const index = waiting.findIndex(
      ({ place }) =>
        place.phase === phase &&
        place.method === method &&
        place.path.test(path) &&
        (place.body?.(body.toString()) ?? true),
    );
    const [held] = index < 0 ? [] : waiting.splice(index, 1);
    held?.arrive(actionId);
    await held?.released;
  };
  const pass = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const { method = 'GET', url = '/', headers } = incoming;
    const path = url.replace(/^\/v1\//, '');
    const body = await readAll(incoming);
    actionId = actionNamedIn(body) ?? actionId;
    await standAt('request', method, path, body);
    const forwarded = sendRequest(new URL(url, target), { method, headers });
    forwarded.end(body);
    const [answer] = (await once(forwarded, 'response')) as [IncomingMessage];
    const answered = await readAll(answer);
    for (const secret of secretsIn(answered)) secrets.add(secret);
    await standAt('response', method, path, body);
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers).end(answered);
  };
  const server = createServer((incoming, outgoing) => {
    pass(incoming, outgoing).catch(() => outgoing.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    hold(place) {
      const { promise: arrived, resolve: arrive } = withResolvers<string>();
      const { promise: released, resolve: release } = withResolvers<undefined>();
      waiting.push({ place, arrive, released });
      return {
        arrived,
        release() {
          release(undefined);
        },
      };
    },
    secrets: () => [...secrets],
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** Stands between processes and a service, and can cut them off from it. */
export interface BreakableProxy {
  url: string;
  /** Resets every connection, and every new one, until `mend`. */
  break(): void;
  /** What is asked still arrives; no answer comes back any more. */
  mute(): void;
  mend(): void;
  close(): Promise<void>;
}

export async function startBreakableProxy(target: string): Promise<BreakableProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let broken = false;
  let muted = false;
  const server = createTcpServer((socket) => {
    if (broken) {
      socket.destroy();
      return;
    }
    const onward = connect(Number(port), hostname);
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      sockets.add(one);
      one.on('error', () => undefined);
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
    socket.pipe(onward);
    onward.on('data', (answer) => {
      if (!muted) socket.write(answer);
    });
    onward.on('end', () => socket.end());
  });
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    break() {
      broken = true;
      cut();
    },
    mute() {
      muted = true;
    },
    mend() {
      broken = false;
    },
    async close() {
      server.close();
      cut();
      await once(server, 'close');
    },
  };
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Values of members by which Vault hands out credentials: `client_token`, `password`, `secret_id`, a wrapping's `token`. */
function secretsIn(answer: Buffer): string[] {
  return [...answer.toString().matchAll(/"(?:client_token|password|secret_id|token)":"([^"]{8,})"/g)].map(
    ([, secret = '']) => secret,
  );
}

/** A token's metadata names its action. */
function actionNamedIn(body: Buffer): string | undefined {
  try {
    return (JSON.parse(body.toString()) as { meta?: { action?: string } }).meta?.action;
  } catch {
    return undefined;
  }
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
