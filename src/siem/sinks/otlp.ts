import { z } from 'zod';
import { receiverUrl } from '../../config/receivers.js';
import type { Json, JsonObject } from '../../core/json.js';
import { SinkFault, type OpenSink, type SiemEvent, type SinkKind } from '../sink.js';
import { sendOrFindRejected, type BatchAnswer } from './find-rejected.js';
import { post, type HttpAnswer, type HttpTarget } from './http-post.js';
import { filePath, readIfNamed, readToken, sinkName } from './settings.js';

const schema = z
  .strictObject({
    kind: z.literal('otlp'),
    name: sinkName,
    /** Whole, e.g. `https://collector.example.com:4318/v1/logs`. */
    url: receiverUrl,
    /** A file with a token, sent as `Authorization: Bearer`. */
    tokenFile: filePath.optional(),
    caFile: filePath.optional(),
    certFile: filePath.optional(),
    keyFile: filePath.optional(),
  })
  .refine(({ certFile, keyFile }) => (certFile === undefined) === (keyFile === undefined), {
    message: 'must be given together with certFile',
    path: ['keyFile'],
  });
type Settings = z.infer<typeof schema>;

/** Log records by OTLP over HTTP in JSON: https://opentelemetry.io/docs/specs/otlp/#otlphttp */
export const siemSink: SinkKind<Settings> = {
  kind: 'otlp',
  schema,
  resendAfterBreak: () => 0,
  async open({ url, tokenFile, caFile, certFile, keyFile }) {
    const token = tokenFile === undefined ? null : await readToken(tokenFile);
    const [ca, cert, key] = await Promise.all([caFile, certFile, keyFile].map(readIfNamed));
    const headers = {
      'content-type': 'application/json',
      ...(token === null ? {} : { authorization: `Bearer ${token.reveal()}` }),
    };
    return openExporter({ url: new URL(url), headers, ca, cert, key });
  },
};

function openExporter(target: HttpTarget): OpenSink {
  const send = async (events: readonly SiemEvent[]): Promise<BatchAnswer> =>
    judge(await post(target, JSON.stringify(logsOf(events))));
  return {
    send: (events) => sendOrFindRejected(events, send),
    isAlive: () => true,
    close: () => Promise.resolve(),
  };
}

/** The specification's retryable ones. */
const LATER = [429, 502, 503, 504];

function judge({ status, body, retryAfterMs }: HttpAnswer): BatchAnswer {
  if (status === 200) {
    const rejected = rejectedIn(body['partialSuccess']);
    // The same must not be sent again, says the specification: which ones it were is found by sending each alone.
    return rejected > 0
      ? { taken: false, why: `The collector rejected ${String(rejected)} log records.` }
      : { taken: true };
  }
  if (status === 400 || status === 413 || status === 422)
    return { taken: false, why: `The collector refuses it (${String(status)}).` };
  const isLater = LATER.includes(status);
  throw new SinkFault(`The collector answered ${String(status)}${isLater ? ': not now' : ''}.`, retryAfterMs);
}

/** A protobuf int64 is a string in JSON; some servers write a number. */
function rejectedIn(partial: Json | undefined): number {
  if (typeof partial !== 'object' || partial === null || Array.isArray(partial)) return 0;
  const count = Number(partial['rejectedLogRecords'] ?? 0);
  return Number.isFinite(count) ? count : 0;
}

function logsOf(events: readonly SiemEvent[]): object {
  return {
    resourceLogs: [
      {
        resource: { attributes: attributesOf({ 'service.name': 'countersign', 'service.namespace': 'countersign' }) },
        scopeLogs: [{ scope: { name: 'countersign.siem' }, logRecords: events.map(recordOf) }],
      },
    ],
  };
}

/** Severity numbers of OpenTelemetry's logs data model, by OCSF's: unknown, informational, low, medium, high, critical, fatal. */
const SEVERITIES = [0, 9, 10, 13, 17, 18, 21] as const;
const TEXTS = ['', 'INFO', 'INFO2', 'WARN', 'ERROR', 'ERROR2', 'FATAL'] as const;

function recordOf({ event, uid, index }: SiemEvent): object {
  return {
    timeUnixNano: `${String(event.time)}000000`,
    observedTimeUnixNano: `${String(event.metadata.logged_time)}000000`,
    severityNumber: SEVERITIES[event.severity_id] ?? 0,
    severityText: TEXTS[event.severity_id] ?? '',
    eventName: `ocsf.${String(event.class_uid)}`,
    attributes: attributesOf({
      'ocsf.metadata.uid': uid,
      'ocsf.metadata.sequence': index,
      'ocsf.class_uid': event.class_uid,
    }),
    body: anyValue(event),
  };
}

function attributesOf(object: JsonObject): object[] {
  return Object.entries(object).map(([key, value]) => ({ key, value: anyValue(value) }));
}

/** A JSON value as OTLP's `AnyValue`; null is its empty one. */
function anyValue(value: Json): object {
  if (value === null) return {};
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number')
    return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } };
  return { kvlistValue: { values: attributesOf(value) } };
}
