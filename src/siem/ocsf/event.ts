import type { JsonObject } from '../../core/json.js';
import type { Severity } from '../../core/schemas/action.js';
import type { ProcessName, StatementKind } from '../../core/schemas/statements.js';
import type { ActionContext } from '../action-context.js';

/** The release of the Open Cybersecurity Schema Framework that every event is of: https://schema.ocsf.io/1.8.0/ */
const OCSF_VERSION = '1.8.0';

/** Of this release of Countersign, as in package.json. */
const PRODUCT_VERSION = '0.1.0';

/** The classes in use, and the names of their activities: https://schema.ocsf.io/1.8.0/classes */
export const OCSF_CLASSES = {
  detection_finding: { uid: 2004, category: 2, activities: { create: 1, update: 2, close: 3 } },
  account_change: { uid: 3001, category: 3, activities: { create: 1, delete: 6, attach_policy: 7, detach_policy: 8 } },
  authorize_session: { uid: 3003, category: 3, activities: { assign_privileges: 1, revoke_privileges: 99 } },
  entity_management: {
    uid: 3004,
    category: 3,
    activities: { create: 1, update: 3, delete: 4, activate: 10, deactivate: 11, suspend: 12, resume: 13 },
  },
  user_access: { uid: 3005, category: 3, activities: { assign_privileges: 1, revoke_privileges: 2 } },
  api_activity: { uid: 6003, category: 6, activities: { create: 1, read: 2, update: 3 } },
} as const;
export type OcsfClass = keyof typeof OCSF_CLASSES;

/** An event as receivers get it: plain JSON. */
export interface OcsfEvent extends JsonObject {
  class_uid: number;
  category_uid: number;
  activity_id: number;
  activity_name: string;
  type_uid: number;
  severity_id: number;
  /** Milliseconds since the Unix epoch. */
  time: number;
  message: string;
  metadata: JsonObject & { uid: string; sequence: number; logged_time: number };
}

/** Where in the ledger a statement stands. */
export interface Place {
  index: number;
  /** Hex. */
  leafHash: string;
  /** `missing`: nobody can say any more. */
  kind: StatementKind | 'missing';
  /** Of the statement's payload. */
  digest: string;
  actionId: string | null;
  recordedAtMs: number;
}

/** A statement's surroundings: what a mapping may read beside its body. */
export interface About extends Place {
  /** Null: an agent signed it, or the gateway in its place. */
  process: ProcessName | null;
  /** Null: it concerns no action, or nothing is known of it. */
  action: ActionContext | null;
}

/** What one kind of statement makes of its event. */
export type EventParts = {
  [C in OcsfClass]: {
    class: C;
    activity: keyof (typeof OCSF_CLASSES)[C]['activities'] & string;
    /** When it happened, by the clock of who states it. Default: when it came on record. */
    atMs?: number;
    /** Default: `info`. */
    severity?: Severity;
    /** One sentence for people; hostile text in it is already cut. */
    message: string;
    /** Attributes of the class, schema-valid. */
    attributes: JsonObject;
    /** What OCSF has no attribute for. */
    unmapped?: JsonObject;
  };
}[OcsfClass];

const SEVERITY_IDS: Readonly<Record<Severity, number>> = { info: 1, low: 2, medium: 3, high: 4, critical: 5 };

/** Size of an event as JSON that syslog receivers should take whole (RFC 5425, 4.3.1: 8,192 bytes with the header). */
export const EVENT_BYTES = 7_500;

// The end of the year 9999: syslog's times have no later one.
const LATEST_MS = 253_402_300_799_999;

/** Puts an event together; of one that is too large, what OCSF has no attribute for is left out, and it says so. */
export function buildEvent(place: Place, parts: EventParts): OcsfEvent {
  const { uid, category, activities } = OCSF_CLASSES[parts.class];
  const activity = (activities as Readonly<Record<string, number>>)[parts.activity] ?? 0;
  const metadata = {
    version: OCSF_VERSION,
    uid: place.leafHash,
    sequence: place.index,
    event_code: place.kind,
    original_event_uid: place.digest,
    ...(place.actionId === null ? {} : { correlation_uid: place.actionId }),
    log_name: 'ledger',
    log_provider: 'countersign',
    logged_time: place.recordedAtMs,
    profiles: ['security_control'],
    product: { name: 'Countersign', vendor_name: 'Countersign', version: PRODUCT_VERSION },
  };
  const event: OcsfEvent = {
    metadata,
    class_uid: uid,
    category_uid: category,
    activity_id: activity,
    activity_name: captionOf(parts.activity),
    type_uid: uid * 100 + activity,
    severity_id: SEVERITY_IDS[parts.severity ?? 'info'],
    time: Math.min(parts.atMs ?? place.recordedAtMs, LATEST_MS),
    message: parts.message,
    ...parts.attributes,
  };
  if (parts.unmapped === undefined) return event;
  const whole: OcsfEvent = { ...event, unmapped: parts.unmapped };
  const size = encodeEvent(whole).length;
  if (size <= EVENT_BYTES) return whole;
  return { ...event, metadata: { ...metadata, is_truncated: true, untruncated_size: size } };
}

/**
 * An event on one line, in ASCII: what could act on a terminal or a log viewer is written as `\u` escapes, which every
 * parser of JSON reads as what was meant.
 */
export function encodeEvent(event: OcsfEvent): string {
  return JSON.stringify(event).replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** `attach_policy` is OCSF's `Attach Policy`. */
function captionOf(activity: string): string {
  return activity.replace(
    /(?:^|_)([a-z])/g,
    (found, letter: string) => `${found.length > 1 ? ' ' : ''}${letter.toUpperCase()}`,
  );
}
