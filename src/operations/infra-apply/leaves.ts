import { visibleLine } from '../../core/visible-text.js';
import type { Values } from './plan-json.js';

/** One value inside a resource, as people see it. */
export interface Leaf {
  /** e.g. `tags.Name` or `ingress[0].cidr_blocks[1]` */
  path: string;
  /** What is shown; of a sensitive value only that there is one. */
  text: string;
  /** To compare by; never shown. */
  raw: string;
  unknown: boolean;
}

export const SENSITIVE = '(sensitive)';
const UNKNOWN = '(known after apply)';

/** What was there before the change. */
export function leavesBefore({ before, beforeSensitive }: Values): Leaf[] {
  return leavesOf('', before, false, beforeSensitive);
}

/** What is there after it, as far as is known. */
export function leavesAfter({ after, unknown, afterSensitive }: Values): Leaf[] {
  return leavesOf('', after, unknown, afterSensitive);
}

function leavesOf(path: string, value: unknown, unknown: unknown, sensitive: unknown): Leaf[] {
  const here = path === '' ? 'value' : path;
  if (unknown === true)
    return [{ path: here, text: sensitive === true ? SENSITIVE : UNKNOWN, raw: UNKNOWN, unknown: true }];
  if (sensitive === true)
    return value === null ? [] : [{ path: here, text: SENSITIVE, raw: JSON.stringify(value), unknown: false }];
  if (Array.isArray(value) || Array.isArray(unknown)) {
    const items: unknown[] = Array.isArray(value) ? value : [];
    const length = Math.max(items.length, Array.isArray(unknown) ? unknown.length : 0);
    if (length === 0) return [leaf(here, '[]', value)];
    return Array.from({ length }, (_, index) =>
      leavesOf(`${path}[${String(index)}]`, items[index] ?? null, part(unknown, index), part(sensitive, index)),
    ).flat();
  }
  if (isObject(value) || (isObject(unknown) && value === null)) {
    const keys = [...new Set([...Object.keys(isObject(value) ? value : {}), ...keysOfUnknown(unknown)])].sort();
    if (keys.length === 0) return value === null ? [] : [leaf(here, '{}', value)];
    return keys.flatMap((key) =>
      leavesOf(join(path, key), part(value, key) ?? null, part(unknown, key), part(sensitive, key)),
    );
  }
  if (value === null || value === undefined) return [];
  return typeof value === 'string' ? leavesOfText(here, value) : [leaf(here, JSON.stringify(value), value)];
}

/** A text that is JSON, such as a policy, is taken apart like the rest: but only where nothing of it could get lost. */
function leavesOfText(path: string, text: string): Leaf[] {
  if (/^\s*[[{]/.test(text)) {
    const parsed = losslessJson(text);
    if (parsed !== undefined) {
      const inner = leavesOf(`${path}{json}`, parsed, false, false);
      if (inner.length > 0 && !text.includes('null')) return inner;
    }
  }
  if (!text.includes('\n')) return [leaf(path, visibleLine(JSON.stringify(text)), text)];
  const lines = text.split('\n').map((line) => `    | ${visibleLine(line)}`);
  return [leaf(path, `text\n${lines.join('\n')}`, text)];
}

function losslessJson(text: string): unknown {
  try {
    const parsed: unknown = JSON.parse(text);
    // jsonencode() escapes these three; any other difference could hide a key that is there twice.
    const plain = text.replace(/\\u(003c|003e|0026)/g, (_, code: string) =>
      String.fromCharCode(Number.parseInt(code, 16)),
    );
    return JSON.stringify(parsed) === plain ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function leaf(path: string, text: string, value: unknown): Leaf {
  return { path, text, raw: JSON.stringify(value), unknown: false };
}

function join(path: string, key: string): string {
  const name = /^[A-Za-z_][A-Za-z0-9_-]*$/.test(key) ? key : `[${visibleLine(JSON.stringify(key))}]`;
  return path === '' || name.startsWith('[') ? `${path}${name}` : `${path}.${name}`;
}

/** Marks are as deep as the value, or `true` for all below. */
function part(marks: unknown, key: string | number): unknown {
  if (marks === true) return true;
  if (typeof marks !== 'object' || marks === null) return undefined;
  return Object.hasOwn(marks, key) ? (marks as Record<string | number, unknown>)[key] : undefined;
}

/** Keys whose value is known only later: those marked `false` or `{}` are in the value itself, or are not set. */
function keysOfUnknown(unknown: unknown): string[] {
  if (!isObject(unknown)) return [];
  return Object.keys(unknown).filter((key) => hasUnknown(unknown[key]));
}

/** Whether anything below is known only later. */
export function hasUnknown(unknown: unknown): boolean {
  if (unknown === true) return true;
  return typeof unknown === 'object' && unknown !== null && Object.values(unknown).some(hasUnknown);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
