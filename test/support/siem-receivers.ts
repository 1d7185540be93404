import { execFile } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { createConnection, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { locateOtelcol, locateRsyslog } from '../../apps/devstack/services/executables.js';
import { createPortChooser } from '../../apps/devstack/services/ports.js';
import { startProcess, type ServiceProcess } from '../../apps/devstack/services/process.js';
import type { JsonObject } from '../../src/core/json.js';

const run = promisify(execFile);

/** An authority of a test's own, a server's certificate for 127.0.0.1, and a client's. */
export interface Certificates {
  caFile: string;
  server: { certFile: string; keyFile: string };
  client: { certFile: string; keyFile: string };
}

export async function makeCertificates(folder: string): Promise<Certificates> {
  const at = (name: string): string => join(folder, name);
  const key = (name: string): string[] => [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-keyout',
    at(`${name}.key`),
  ];
  await run('openssl', [
    'req',
    '-x509',
    ...key('ca'),
    '-out',
    at('ca.pem'),
    '-subj',
    '/CN=test authority',
    '-days',
    '2',
  ]);
  const issue = async (name: string, extension: string): Promise<{ certFile: string; keyFile: string }> => {
    await run('openssl', ['req', '-new', ...key(name), '-out', at(`${name}.csr`), '-subj', `/CN=${name}`]);
    await writeFile(at(`${name}.ext`), extension);
    const signed = [
      '-CA',
      at('ca.pem'),
      '-CAkey',
      at('ca.key'),
      '-CAcreateserial',
      '-days',
      '2',
      '-extfile',
      at(`${name}.ext`),
    ];
    await run('openssl', ['x509', '-req', '-in', at(`${name}.csr`), '-out', at(`${name}.pem`), ...signed]);
    return { certFile: at(`${name}.pem`), keyFile: at(`${name}.key`) };
  };
  return {
    caFile: at('ca.pem'),
    server: await issue('server', 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n'),
    client: await issue('client', 'subjectAltName=DNS:notary.example.com\nextendedKeyUsage=clientAuth\n'),
  };
}

/** A receiver that we did not write, in a process of its own. */
export interface Receiver {
  port: number;
  /** Events that it wrote down, in their order. */
  received(): Promise<JsonObject[]>;
  start(): Promise<void>;
  kill(): void;
  stop(): Promise<void>;
}

/** rsyslog over TLS, which asks for a client's certificate. Each line of its file: severity, name, MSGID, message. */
export async function makeRsyslog(
  folder: string,
  { caFile, server }: Certificates,
): Promise<Receiver & { heads(): Promise<string[]> }> {
  const port = await createPortChooser().choose('rsyslog');
  const installed = locateRsyslog();
  const output = join(folder, 'rsyslog.out');
  const library = await libraryOf(installed);
  const config = join(folder, 'rsyslog.conf');
  await writeFile(
    config,
    `global(workDirectory="${folder}" maxMessageSize="8k" defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="${caFile}"
       defaultNetstreamDriverCertFile="${server.certFile}" defaultNetstreamDriverKeyFile="${server.keyFile}")
     module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/name" permittedPeer=["notary.example.com"])
     input(type="imtcp" address="127.0.0.1" port="${String(port)}")
     template(name="line" type="string" string="%syslogfacility%.%syslogseverity% %app-name% %msgid% %msg%\\n")
     action(type="omfile" file="${output}" template="line")\n`,
  );
  const lines = async (): Promise<string[]> => wholeLines(await readFile(output, 'utf8').catch(() => ''));
  return {
    ...programOf({
      name: 'rsyslog',
      executable: join(installed, 'usr', 'sbin', 'rsyslogd'),
      args: ['-n', '-iNONE', '-f', config, '-M', join(library, 'rsyslog')],
      env: { LD_LIBRARY_PATH: library },
      logFile: join(folder, 'rsyslog.log'),
      port,
    }),
    port,
    heads: async () => (await lines()).map((line) => line.slice(0, line.indexOf('{')).trim()),
    received: async () => (await lines()).map((line) => JSON.parse(line.slice(line.indexOf('{'))) as JsonObject),
  };
}

/** The OpenTelemetry Collector: OTLP over HTTP in, a file out. */
export async function makeOtelcol(folder: string): Promise<Receiver & { records(): Promise<OtelRecord[]> }> {
  const port = await createPortChooser().choose('otelcol');
  const output = join(folder, 'otelcol.out');
  const config = join(folder, 'otelcol.yaml');
  await writeFile(
    config,
    `receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:${String(port)}"}}}}
exporters: {file: {path: "${output}", append: true, flush_interval: 100ms}}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {logs: {receivers: [otlp], exporters: [file]}}\n`,
  );
  const records = async (): Promise<OtelRecord[]> =>
    wholeLines(await readFile(output, 'utf8').catch(() => ''))
      .map((line) => JSON.parse(line) as { resourceLogs: { scopeLogs: { logRecords: OtelRecord[] }[] }[] })
      .flatMap(({ resourceLogs }) =>
        resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords)),
      );
  return {
    ...programOf({
      name: 'otelcol',
      executable: locateOtelcol(),
      args: ['--config', config],
      env: {},
      logFile: join(folder, 'otelcol.log'),
      port,
    }),
    port,
    records,
    received: async () => (await records()).map(({ body }) => plainOf(body) as JsonObject),
  };
}

/** A log record as the collector's file exporter writes it. */
export interface OtelRecord {
  severityNumber: number;
  timeUnixNano: string;
  attributes: { key: string; value: object }[];
  body: object;
}

/** OTLP's `AnyValue` as the JSON that it stands for. */
function plainOf(value: object): unknown {
  const any = value as {
    stringValue?: string;
    boolValue?: boolean;
    intValue?: string;
    doubleValue?: number;
    arrayValue?: { values?: object[] };
    kvlistValue?: { values?: { key: string; value: object }[] };
  };
  if (any.stringValue !== undefined) return any.stringValue;
  if (any.boolValue !== undefined) return any.boolValue;
  if (any.intValue !== undefined) return Number(any.intValue);
  if (any.doubleValue !== undefined) return any.doubleValue;
  if (any.arrayValue !== undefined) return (any.arrayValue.values ?? []).map(plainOf);
  if (any.kvlistValue !== undefined)
    return Object.fromEntries((any.kvlistValue.values ?? []).map(({ key, value: inner }) => [key, plainOf(inner)]));
  return null;
}

interface Program {
  name: string;
  executable: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  logFile: string;
  port: number;
}

function programOf({ port, ...program }: Program): Pick<Receiver, 'start' | 'kill' | 'stop'> {
  let child: ServiceProcess | null = null;
  return {
    async start() {
      child = await startProcess(program);
      await child.untilReady(() => listens(port));
    },
    kill() {
      if (child !== null) process.kill(child.pid, 'SIGKILL');
    },
    async stop() {
      await child?.stop();
    },
  };
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}

/** A file that is being written may end in the middle of a line. */
function wholeLines(text: string): string[] {
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '');
}

async function libraryOf(installed: string): Promise<string> {
  const parent = join(installed, 'usr', 'lib');
  const name = (await readdir(parent)).find((entry) => entry.includes('-linux-gnu'));
  return join(parent, name ?? '');
}

/** A folder that is gone after the tests. */
export async function makeFolder(): Promise<{ folder: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-siem-'));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

export interface HecAnswer {
  status: number;
  body: object;
  headers?: Record<string, string>;
}

/** Splunk's HTTP Event Collector as its documentation describes it: token, form of events, answers, acknowledgement. */
export interface FakeHec {
  url: string;
  /** What it indexed. */
  events: JsonObject[];
  /** Instead of taking what comes; null: as usual. */
  fail: ((count: number) => HecAnswer | null) | null;
  /** Asked for acknowledgement, says that it is not indexed yet. */
  isIndexing: boolean;
  stop(): Promise<void>;
}

export async function startFakeHec(options: { token: string; acknowledges: boolean }): Promise<FakeHec> {
  let requests = 0;
  let ackIds = 0;
  const server = createServer((request, response) => {
    void readBody(request).then((text) => {
      requests += 1;
      const { status, body, headers = {} } = answerTo(request, text);
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const hec: FakeHec = {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    events: [],
    fail: null,
    isIndexing: false,
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  const answerTo = ({ url = '', headers, method }: IncomingMessage, text: string): HecAnswer => {
    if (method !== 'POST') return { status: 405, body: { text: 'Method not allowed', code: 405 } };
    if (headers.authorization !== `Splunk ${options.token}`)
      return { status: 403, body: { text: 'Invalid token', code: 4 } };
    const channel = headers['x-splunk-request-channel'];
    if (options.acknowledges && typeof channel !== 'string')
      return { status: 400, body: { text: 'Data channel is missing', code: 10 } };
    if (url.startsWith('/services/collector/ack')) {
      const { acks } = JSON.parse(text) as { acks: number[] };
      return { status: 200, body: { acks: Object.fromEntries(acks.map((id) => [String(id), !hec.isIndexing])) } };
    }
    if (url !== '/services/collector/event') return { status: 404, body: { text: 'Not found', code: 404 } };
    const failure = hec.fail?.(requests) ?? null;
    if (failure !== null) return failure;
    const parsed = text.split('\n').map((line) => JSON.parse(line) as JsonObject);
    const invalid = parsed.findIndex(({ event, time }) => event === undefined || !/^\d+\.\d{3}$/.test(time as string));
    if (invalid >= 0)
      return { status: 400, body: { text: 'Invalid data format', code: 6, 'invalid-event-number': invalid } };
    hec.events.push(...parsed);
    ackIds += 1;
    return { status: 200, body: { text: 'Success', code: 0, ...(options.acknowledges ? { ackId: ackIds } : {}) } };
  };
  return hec;
}

async function readBody(stream: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
