import { once } from 'node:events';
import { hostname } from 'node:os';
import { connect, type TLSSocket } from 'node:tls';
import { z } from 'zod';
import { SinkFault, type OpenSink, type SiemEvent, type SinkKind } from '../sink.js';
import { filePath, readIfNamed, sinkName } from './settings.js';

const TIMEOUT_MS = 15_000;
// Facility "log audit" of RFC 5424, 6.2.1.
const FACILITY = 13;

const schema = z
  .strictObject({
    kind: z.literal('syslog'),
    name: sinkName,
    host: z.string().regex(/^[A-Za-z0-9.:-]{1,253}$/, 'must be a host name or an address'),
    port: z.int().min(1).max(65_535).default(6_514),
    /** The name that the receiver's certificate must have. Default: `host`. */
    serverName: z
      .string()
      .regex(/^[A-Za-z0-9.-]{1,253}$/, 'must be a host name')
      .optional(),
    /** Authorities that the receiver's certificate may come from, PEM. Default: those that Node.js knows. */
    caFile: filePath.optional(),
    /** Our own certificate and key, PEM, where the receiver asks for one. */
    certFile: filePath.optional(),
    keyFile: filePath.optional(),
    /** How many of the last events are sent again after the connection broke. Syslog acknowledges nothing. */
    resendEvents: z.int().min(0).max(100_000).default(2_000),
  })
  .refine(({ certFile, keyFile }) => (certFile === undefined) === (keyFile === undefined), {
    message: 'must be given together with certFile',
    path: ['keyFile'],
  });
type Settings = z.infer<typeof schema>;

/**
 * RFC 5424 over TLS with octet counting (RFC 5425). "Sent" means: written to the connection, no more. So the last events
 * are sent again whenever the connection broke; `metadata.uid` tells which are the same.
 */
export const siemSink: SinkKind<Settings> = {
  kind: 'syslog',
  schema,
  resendAfterBreak: ({ resendEvents }) => resendEvents,
  async open(settings) {
    const socket = await connectTo(settings);
    return openConnection(socket, `${settings.host}:${String(settings.port)}`);
  },
};

async function connectTo({ host, port, serverName, caFile, certFile, keyFile }: Settings): Promise<TLSSocket> {
  const files = await Promise.all([caFile, certFile, keyFile].map(readIfNamed));
  const [ca, cert, key] = files;
  const socket = connect({
    host,
    port,
    minVersion: 'TLSv1.2',
    // An address has no name to be indicated (RFC 6066, 3); the certificate is compared with it all the same.
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  });
  try {
    await once(socket, 'secureConnect', { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return socket;
  } catch (error) {
    socket.destroy();
    throw new SinkFault(`${host}:${String(port)} cannot be reached over TLS (${codeOf(error)}).`, null, {
      cause: error,
    });
  }
}

function openConnection(socket: TLSSocket, where: string): OpenSink {
  let broken: string | null = null;
  const breakWith = (why: string): void => {
    broken ??= why;
  };
  socket.on('error', (error) => {
    breakWith(codeOf(error));
  });
  socket.on('close', () => {
    breakWith('closed');
  });
  // A receiver of syslog says nothing: an end is all that can come, and it must be read to be seen.
  socket.on('end', () => {
    breakWith('closed by the receiver');
  });
  socket.resume();
  socket.setKeepAlive(true, 30_000);
  const isAlive = (): boolean => broken === null;
  const fault = (): SinkFault => new SinkFault(`The connection to ${where} broke (${broken ?? 'no answer'}).`);
  return {
    async send(events) {
      if (!isAlive()) throw fault();
      const bytes = Buffer.from(events.map(frameOf).join(''));
      const written = new Promise<void>((resolve, reject) => {
        socket.write(bytes, (error) => {
          if (error) reject(error);
          else resolve();
        });
      });
      // Back-pressure: a receiver that reads nothing takes nothing, and we wait no longer than this.
      const timer = setTimeout(() => {
        breakWith('it reads nothing');
        socket.destroy();
      }, TIMEOUT_MS);
      try {
        await written;
      } catch {
        throw fault();
      } finally {
        clearTimeout(timer);
      }
      if (!isAlive()) throw fault();
      return [];
    },
    isAlive,
    async close() {
      if (isAlive()) {
        socket.end();
        await once(socket, 'close', { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
      }
      socket.destroy();
    },
  };
}

/** Syslog's severities, by OCSF's: unknown, informational, low, medium, high, critical, fatal. */
const SEVERITIES = [5, 6, 5, 4, 3, 2, 1] as const;

/** One message, its length before it. It is ASCII: bytes are characters. */
function frameOf({ event, json }: SiemEvent): string {
  const priority = FACILITY * 8 + (SEVERITIES[event.severity_id] ?? 5);
  const message = [
    `<${String(priority)}>1`,
    new Date(event.time).toISOString(),
    hostname()
      .replace(/[^\x21-\x7e]/g, '-')
      .slice(0, 255) || '-',
    'countersign',
    '-',
    `OCSF${String(event.class_uid)}`,
    '-',
    json,
  ].join(' ');
  return `${String(message.length)} ${message}`;
}

function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return error instanceof Error && error.name === 'AbortError' ? 'no answer in time' : 'failed';
}
