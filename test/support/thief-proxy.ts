import { once } from 'node:events';
import { createServer, request as sendRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Stands between a process and Vault, reads along, and now and then takes what was meant for the process. */
export interface ThiefProxy {
  url: string;
  /** Unwraps the next wrapped token before its process can. @returns the token, once it is stolen */
  stealNext(): Promise<string>;
  close(): Promise<void>;
}

/** A loopback proxy to Vault. */
export async function startThiefProxy(target: string): Promise<ThiefProxy> {
  let steal: ((token: string) => void) | null = null;
  const forward = async (path: string, method: string, headers: IncomingMessage['headers'], body?: Buffer) => {
    const forwarded = sendRequest(new URL(path, target), { method, headers });
    forwarded.end(body);
    const [answer] = (await once(forwarded, 'response')) as [IncomingMessage];
    return { answer, answered: await readAll(answer) };
  };
  const server = createServer((incoming, outgoing) => {
    const pass = async (): Promise<void> => {
      const { method = 'GET', url = '/', headers } = incoming;
      const { answer, answered } = await forward(url, method, headers, await readAll(incoming));
      const stolen = steal;
      if (stolen !== null && url.startsWith('/v1/auth/token/create/')) {
        steal = null;
        const wrapping = (JSON.parse(answered.toString()) as { wrap_info: { token: string } }).wrap_info.token;
        const unwrapped = await forward('/v1/sys/wrapping/unwrap', 'POST', { 'x-vault-token': wrapping });
        stolen((JSON.parse(unwrapped.answered.toString()) as { auth: { client_token: string } }).auth.client_token);
      }
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers).end(answered);
    };
    pass().catch(() => outgoing.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    stealNext: () =>
      new Promise((resolve) => {
        steal = resolve;
      }),
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
