import type { Names } from '../names.js';
import { allow } from './rules.js';

/** The policy of a per-action child token: one credential, of one role. */
export function leasePolicy({ databaseMount }: Names, role: string): string {
  return allow(`${databaseMount}/creds/${role}`, ['read']);
}
