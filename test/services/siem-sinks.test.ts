import { appendFile, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { siemConfigSchema } from '../../src/config/siem.js';
import type { JsonObject } from '../../src/core/json.js';
import { destinationsOf } from '../../src/siem/destinations.js';
import { createLedgerSender, type LedgerSender } from '../../src/siem/send-ledger.js';
import { createMemoryCursors, createMemoryLedger } from '../support/siem-ledger.js';
import {
  makeCertificates,
  makeFolder,
  makeOtelcol,
  makeRsyslog,
  startFakeHec,
  type Certificates,
} from '../support/siem-receivers.js';
import { until } from '../support/until.js';

let folder: string;
let remove: () => Promise<void>;
let certificates: Certificates;

beforeAll(async () => {
  ({ folder, remove } = await makeFolder());
  certificates = await makeCertificates(folder);
});
afterAll(() => remove());

/** A sender to a sink as the settings name it, over a ledger in memory. */
function sendingTo(settings: JsonObject, clock: () => number = Date.now) {
  const ledger = createMemoryLedger();
  const cursors = createMemoryCursors();
  const stdout = new PassThrough();
  const { COUNTERSIGN_SIEM_SINKS: sinks } = siemConfigSchema.parse({
    COUNTERSIGN_SIEM_SINKS: JSON.stringify([{ name: 'main', ...settings }]),
  });
  const make = (): LedgerSender => {
    const [destination] = destinationsOf(sinks, { stdout, clock });
    if (destination === undefined) throw new Error('there is no sink');
    const sender = createLedgerSender({
      destination,
      ledger,
      cursors,
      eventsOf: ledger.eventsOf,
      onFault: () => undefined,
    });
    onTestFinished(() => sender.close());
    return sender;
  };
  const sender = make();
  return { ledger, cursors, stdout, sender, make, failure: () => cursors.of('main').lastError };
}

async function drain(sender: LedgerSender, passes = 200): Promise<void> {
  for (let count = 0; count < passes; count += 1) if ((await sender.pass()).kind === 'idle') return;
  throw new Error('it never came to an end');
}

const uidsOf = (events: readonly JsonObject[]): string[] =>
  events.map(({ metadata }) => (metadata as { uid: string }).uid);
const withoutDoubles = (uids: readonly string[]): string[] => [...new Set(uids)];

describe('rsyslog over TLS', () => {
  const settingsFor = (port: number): JsonObject => ({
    kind: 'syslog',
    host: '127.0.0.1',
    port,
    caFile: certificates.caFile,
    ...certificates.client,
  });

  it('gets every event whole and in order, also when it is killed in the middle and comes back', async () => {
    const rsyslog = await makeRsyslog(folder, certificates);
    await rsyslog.start();
    onTestFinished(() => rsyslog.stop());
    const { ledger, sender, failure } = sendingTo(settingsFor(rsyslog.port));
    await ledger.grow(250);
    await drain(sender);
    await until(async () => (await rsyslog.received()).length === 250);
    expect(uidsOf(await rsyslog.received())).toEqual(ledger.uids());
    const [request] = await ledger.eventsOf(ledger.all.slice(0, 1).map((entry) => ({ index: 0, entry })));
    expect((await rsyslog.received())[0]).toEqual(request?.event);
    expect((await rsyslog.heads())[0]).toBe('13.6 countersign OCSF3004');

    await ledger.grow(150);
    await sender.pass();
    rsyslog.kill();
    await until(async () => (await sender.pass()).kind === 'failed');
    expect(failure()).toMatch(/broke|cannot be reached/);
    await ledger.grow(50);
    await rsyslog.start();
    await drain(sender);
    await until(async () => new Set(uidsOf(await rsyslog.received())).size === 450);
    expect(withoutDoubles(uidsOf(await rsyslog.received()))).toEqual(ledger.uids());
  });

  it.each([
    ['whose authority is not ours', () => ({ caFile: undefined })],
    ['that asks for a certificate and gets none', () => ({ certFile: undefined, keyFile: undefined })],
    ['of another name', () => ({ serverName: 'siem.example.com' })],
  ])('a receiver %s is sent nothing', async (_what, change) => {
    const rsyslog = await makeRsyslog(folder, certificates);
    await rsyslog.start();
    onTestFinished(() => rsyslog.stop());
    const { ledger, sender, cursors } = sendingTo({ ...settingsFor(rsyslog.port), ...change() } as JsonObject);
    const before = (await rsyslog.received()).length;
    await ledger.grow(1);
    // TLS 1.3: that our certificate is missing we learn after the handshake.
    await until(async () => (await sender.pass()).kind === 'failed');
    expect(cursors.of('main').lastError).toMatch(/TLS|broke/);
    expect((await rsyslog.received()).length).toBe(before);
  });
});

describe('the OpenTelemetry Collector', () => {
  it('takes log records by OTLP, each event whole and in order, through a kill', async () => {
    const otelcol = await makeOtelcol(folder);
    await otelcol.start();
    onTestFinished(() => otelcol.stop());
    const { ledger, sender, failure } = sendingTo({
      kind: 'otlp',
      url: `http://127.0.0.1:${String(otelcol.port)}/v1/logs`,
    });
    await ledger.grow(120);
    await drain(sender);
    await until(async () => (await otelcol.received()).length === 120);
    const events = await ledger.eventsOf(ledger.all.map((entry) => ({ index: entry.index, entry })));
    expect(await otelcol.received()).toEqual(events.map(({ event }) => event));
    expect((await otelcol.records())[0]).toMatchObject({
      severityNumber: 9,
      timeUnixNano: `${String(events[0]?.event.time)}000000`,
      attributes: expect.arrayContaining([
        { key: 'ocsf.metadata.uid', value: { stringValue: ledger.uids()[0] } },
      ]) as unknown,
    });

    otelcol.kill();
    await ledger.grow(30);
    await until(async () => (await sender.pass()).kind === 'failed');
    expect(failure()).toMatch(/cannot be reached/);
    await otelcol.start();
    await drain(sender);
    await until(async () => new Set(uidsOf(await otelcol.received())).size === 150);
    expect(withoutDoubles(uidsOf(await otelcol.received()))).toEqual(ledger.uids());
  });
});

describe('Splunk’s HTTP Event Collector', () => {
  const TOKEN = '11111111-2222-3333-4444-555555555555';
  const start = async (acknowledges = false, token = TOKEN) => {
    const hec = await startFakeHec({ token: TOKEN, acknowledges });
    onTestFinished(() => hec.stop());
    const tokenFile = join(folder, 'hec-token');
    await writeFile(tokenFile, `${token}\n`);
    const acknowledge: JsonObject = acknowledges ? { acknowledge: true } : {};
    return { hec, ...sendingTo({ kind: 'splunk-hec', url: hec.url, tokenFile, index: 'audit', ...acknowledge }) };
  };
  const indexed = (events: readonly JsonObject[]): JsonObject[] => events.map(({ event }) => event as JsonObject);

  it.each([false, true])('takes every event, through outages (acknowledgement: %s)', async (acknowledges) => {
    const { hec, ledger, sender } = await start(acknowledges);
    await ledger.grow(130);
    hec.fail = (count) => (count % 2 === 1 ? { status: 503, body: { text: 'Server is busy', code: 9 } } : null);
    await drain(sender);
    expect(withoutDoubles(uidsOf(indexed(hec.events)))).toEqual(ledger.uids());
    expect(hec.events[0]).toMatchObject({ source: 'countersign', sourcetype: 'ocsf:countersign', index: 'audit' });
  });

  it('is waited for as long as it says', async () => {
    const { hec, ledger, sender } = await start();
    await ledger.grow(1);
    hec.fail = () => ({ status: 503, body: { text: 'Server is busy', code: 9 }, headers: { 'retry-after': '120' } });
    expect(await sender.pass()).toEqual({ kind: 'failed', retryInMs: 120_000 });
  });

  it('a token that it does not know is said, and never shown', async () => {
    const { ledger, sender, failure } = await start(false, 'wrong-token-value');
    await ledger.grow(1);
    expect(await sender.pass()).toMatchObject({ kind: 'failed' });
    expect(failure()).toMatch(/403, code 4: the token is invalid/);
    expect(failure()).not.toContain('wrong-token-value');
  });

  it('an event that it refuses for good is found among the others', async () => {
    const { hec, ledger, sender, cursors } = await start();
    await ledger.grow(5);
    let singles = 0;
    hec.fail = (count) => {
      if (count > 1) singles += 1;
      return count === 1 || count === 4 ? { status: 400, body: { text: 'Invalid data format', code: 6 } } : null;
    };
    await drain(sender);
    expect(singles).toBe(5);
    expect(cursors.of('main')).toMatchObject({ next: 5, rejected: 1 });
    expect(uidsOf(indexed(hec.events))).toEqual(ledger.uids().filter((_, index) => index !== 2));
  });
});

describe('an OTLP receiver’s answers', () => {
  interface Answer {
    status: number;
    body: string;
    headers?: Record<string, string>;
  }
  let server: Server;
  let answer: (body: string) => Answer;
  beforeAll(async () => {
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { status, body, headers } = answer(Buffer.concat(chunks).toString());
        response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(async () => {
    server.close();
    await once(server, 'close');
  });
  const url = (): string => `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/v1/logs`;
  const none = { next: 0, rejected: 0 };

  it.each<[string, Answer, object]>([
    ['success', { status: 200, body: '{}' }, { next: 3, rejected: 0 }],
    ['a warning', { status: 200, body: '{"partialSuccess":{"errorMessage":"slow"}}' }, { next: 3, rejected: 0 }],
    ['not now', { status: 429, body: '{}' }, { ...none, lastError: 'The collector answered 429: not now.' }],
    [
      'a redirect',
      { status: 307, body: '', headers: { location: 'http://127.0.0.1:1/' } },
      { ...none, lastError: 'The collector answered 307.' },
    ],
    [
      'an answer without end',
      { status: 200, body: 'x'.repeat(70_000) },
      { ...none, lastError: expect.stringMatching(/longer/) as unknown },
    ],
    // As a server that speaks something else answers everything.
    [
      'a refusal of everything',
      { status: 400, body: 'Client sent an HTTP request to an HTTPS server.' },
      { ...none, lastError: expect.stringMatching(/took none of 3/) as unknown },
    ],
  ])('%s', async (_what, given, expected) => {
    answer = () => given;
    const { ledger, sender, cursors } = sendingTo({ kind: 'otlp', url: url() });
    await ledger.grow(3);
    await sender.pass();
    expect(cursors.of('main')).toMatchObject(expected);
  });

  it.each<[string, Answer]>([
    ['a partial success', { status: 200, body: '{"partialSuccess":{"rejectedLogRecords":"1"}}' }],
    ['bad data', { status: 400, body: '{"code":3}' }],
  ])('%s: the bad one is found when another is beside it, and the others are there', async (_what, refusal) => {
    const { ledger, sender, cursors } = sendingTo({ kind: 'otlp', url: url() });
    await ledger.grow(1);
    const bad = ledger.uids()[0] ?? '';
    const got = new Set<string>();
    answer = (body) => {
      if (body.includes(bad)) return refusal;
      for (const uid of ledger.uids()) if (body.includes(uid)) got.add(uid);
      return { status: 200, body: '{}' };
    };
    await sender.pass();
    expect(cursors.of('main')).toMatchObject({ next: 0, rejected: 0 });
    await ledger.grow(4);
    await drain(sender);
    expect(cursors.of('main')).toMatchObject({ next: 5, rejected: 1 });
    expect([...got]).toEqual(ledger.uids().slice(1));
  });
});

describe('files', () => {
  const eventsIn = async (path: string): Promise<JsonObject[]> =>
    (await readFile(path, 'utf8'))
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as JsonObject);

  it('a kill in the middle of a line leaves no half line, and no event is lost', async () => {
    const path = join(folder, 'killed.ndjson');
    const { ledger, sender, make } = sendingTo({ kind: 'ndjson-file', path });
    await ledger.grow(120);
    await drain(sender);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await ledger.grow(20);
    // As a process that was killed while it wrote: the line is there in part, the cursor was not moved.
    await appendFile(path, '{"class_uid":3004,"metadata":{"uid":"' + 'x'.repeat(70_000));
    await drain(make());
    expect(uidsOf(await eventsIn(path))).toEqual(ledger.uids());
  });

  it('is put aside by age and by size, whole lines only; the oldest go when they are too many', async () => {
    let nowMs = Date.now();
    const path = join(folder, 'rotated.ndjson');
    const { ledger, sender } = sendingTo(
      { kind: 'ndjson-file', path, rotateMebibytes: 1, rotateHours: 1, keepFiles: 3 },
      () => nowMs,
    );
    await ledger.grow(5);
    await drain(sender);
    nowMs += 2 * 3_600_000;
    await ledger.grow(5);
    await drain(sender);
    const names = async (): Promise<string[]> =>
      (await readdir(folder)).filter((name) => name.startsWith('rotated')).sort();
    const [aside = '', current = ''] = await names();
    expect(aside).toMatch(/^rotated\.\d{8}T\d{6}\.\d{3}Z\.ndjson$/);
    const both = [...(await eventsIn(join(folder, aside))), ...(await eventsIn(join(folder, current)))];
    expect(uidsOf(both)).toEqual(ledger.uids());

    for (let hours = 0; hours < 4; hours += 1) {
      nowMs += 2 * 3_600_000;
      await ledger.grow(2);
      await drain(sender);
    }
    expect(await names()).toHaveLength(4);
    await ledger.grow(1_500);
    await drain(sender);
    for (const name of await names()) expect((await stat(join(folder, name))).size).toBeLessThanOrEqual(1_048_576);
  });

  it('never writes where a link in its place leads', async () => {
    const path = join(folder, 'linked.ndjson');
    await writeFile(join(folder, 'elsewhere'), '');
    await symlink(join(folder, 'elsewhere'), path);
    const { ledger, sender, failure } = sendingTo({ kind: 'ndjson-file', path });
    await ledger.grow(1);
    expect(await sender.pass()).toMatchObject({ kind: 'failed' });
    expect(failure()).toMatch(/cannot be written \(ELOOP\)/);
    expect(await readFile(join(folder, 'elsewhere'), 'utf8')).toBe('');
  });

  it('standard output gets one event a line', async () => {
    const { ledger, sender, stdout } = sendingTo({ kind: 'stdout' });
    let text = '';
    stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await ledger.grow(7);
    await drain(sender);
    expect(
      uidsOf(
        text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as JsonObject),
      ),
    ).toEqual(ledger.uids());
  });

  it('a token file that is gone is named', async () => {
    const { ledger, sender, failure } = sendingTo({
      kind: 'otlp',
      url: 'http://127.0.0.1:1/v1/logs',
      tokenFile: join(folder, 'none'),
    });
    await ledger.grow(1);
    await sender.pass();
    expect(failure()).toBe(`${join(folder, 'none')} cannot be read (ENOENT).`);
  });
});
