import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

// Below the range from which systems take ports for outgoing connections: such a port would be gone again by the time we listen.
const firstPort = 20_000;
const lastPort = 32_000;

export interface PortChooser {
  /** A port on 127.0.0.1 that is free now and was not chosen before; `wished` when that is free, else another, and says so. */
  choose(purpose: string, wished?: number): Promise<number>;
}

export function createPortChooser(say: (message: string) => void = console.warn): PortChooser {
  const chosen = new Set<number>();
  const take = async (port: number): Promise<boolean> => {
    if (chosen.has(port)) return false;
    chosen.add(port);
    return isFree(port);
  };
  return {
    async choose(purpose, wished) {
      if (wished !== undefined && (await take(wished))) return wished;
      for (let attempt = 0; attempt < 200; attempt += 1) {
        const port = randomInt(firstPort, lastPort);
        if (!(await take(port))) continue;
        if (wished !== undefined) say(`Port ${String(wished)} for ${purpose} is taken; using ${String(port)}.`);
        return port;
      }
      throw new Error(
        `No free port on 127.0.0.1 for ${purpose} in ${String(firstPort)} to ${String(lastPort)}: end what listens there.`,
      );
    },
  };
}

async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(false);
    });
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}
