import type { Severity } from './schemas/action.js';

const GRAVEST_FIRST: readonly Severity[] = ['critical', 'high', 'medium', 'low', 'info'];

/** Flags in the order in which people should read them; equally grave ones stay as they were. */
export function gravestFirst<T extends { severity: Severity }>(flags: readonly T[]): T[] {
  return [...flags].sort((one, other) => GRAVEST_FIRST.indexOf(one.severity) - GRAVEST_FIRST.indexOf(other.severity));
}
