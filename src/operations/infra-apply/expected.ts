import { z } from 'zod';
import { digestOf } from '../../core/json.js';
import { hasUnknown } from './leaves.js';
import type { Plan } from './plan-json.js';
import { instanceKey, type State } from './state.js';

const KINDS = ['create', 'change', 'replace', 'destroy', 'forget'] as const;

/** What the state must say of one resource when the plan is done. Kept encrypted: digests of short values can be guessed. */
const expectedSchema = z.array(
  z.object({
    key: z.string(),
    kind: z.enum(KINDS),
    /** Of what is there before a replacement, where it is known. */
    idBefore: z.string().nullable(),
    /** Digest of each attribute whose value the plan knows. */
    attributes: z.record(z.string(), z.string()),
  }),
);
export type Expected = z.infer<typeof expectedSchema>;

export function expectedOf({ changes }: Plan): Expected {
  return changes.flatMap((change) => {
    const kind = KINDS.find((known) => known === change.kind);
    if (kind === undefined || change.mode !== 'managed' || change.deposed !== null) return [];
    const { before, after, unknown } = change.value;
    const known = Object.entries(isObject(after) ? after : {}).filter(
      ([name, value]) => value !== null && !(isObject(unknown) && hasUnknown(unknown[name])),
    );
    const id = isObject(before) ? before['id'] : undefined;
    return [
      {
        key: instanceKey(change),
        kind,
        idBefore: kind === 'replace' && typeof id === 'string' ? id : null,
        attributes: Object.fromEntries(known.map(([name, value]) => [name, digestOf(value)])),
      },
    ];
  });
}

export function encodeExpected(expected: Expected): Uint8Array {
  return Buffer.from(JSON.stringify(expected));
}

export function decodeExpected(bytes: Uint8Array): Expected {
  return expectedSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
}

/** By kind. */
export type ExpectedCounts = { [kind in (typeof KINDS)[number]]: number };

export function countExpected(expected: Expected): ExpectedCounts {
  const counts = { create: 0, change: 0, replace: 0, destroy: 0, forget: 0 };
  for (const { kind } of expected) counts[kind] += 1;
  return counts;
}

/** How many of the changes the state shows as done. */
export function countDone(expected: Expected, state: State): ExpectedCounts {
  return countExpected(expected.filter((one) => isDone(one, state)));
}

function isDone({ key, kind, idBefore, attributes }: Expected[number], { instances }: State): boolean {
  const found = instances.get(key);
  if (kind === 'destroy' || kind === 'forget') return found === undefined;
  if (found === undefined || found.tainted) return false;
  if (kind === 'replace' && idBefore !== null && found.attributes['id'] === idBefore) return false;
  return Object.entries(attributes).every(([name, digest]) => digestOf(plainValue(found.attributes[name])) === digest);
}

/** A value of any type is kept beside its type. */
function plainValue(value: unknown): unknown {
  if (!isObject(value)) return value ?? null;
  return Object.keys(value).sort().join() === 'type,value' ? value['value'] : value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
