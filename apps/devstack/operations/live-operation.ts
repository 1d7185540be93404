import type { JsonObject } from '../../../src/core/json.js';
import type { FurtherTarget } from '../installation/further-target.js';

/** One operation of the example bundle, as the development stack offers it. */
export interface LiveOperation {
  operation: string;
  /** Of the example bundle: the agent that may ask for it, and somebody who may approve it. */
  agent: string;
  approver: string;
  /** Whether it takes an engine that only HashiCorp's Vault has. */
  needs?: 'hashicorp-vault';
  /** What this machine lacks for it, and the command that brings it; null when it can be on. */
  missing(): Promise<Missing | null>;
  /** Starts what the stack has besides; called when `missing` found nothing. */
  provide(provision: Provision): Promise<Provided>;
}

export interface Missing {
  /** In words, e.g. `OpenSSH's server`. */
  what: string;
  /** Exactly as a shell takes it. */
  command: string;
}

export interface Provision {
  /** Where logs go. */
  logFolder: string;
  /** Told how to stop each thing that was started. */
  defer(stop: () => Promise<void>): void;
}

export interface Provided {
  /** The target that it acts on, where not every installation has it. */
  target?: FurtherTarget;
  /** For COUNTERSIGN_PROGRAMS of worker, executor and notary. */
  programs?: Readonly<Record<string, string>>;
  /** An example to ask for, once the target is installed. */
  example(): Example;
}

/** A request that people can paste. */
export interface Example {
  /** `--param` options, by key; text as text, all else as JSON. */
  params: JsonObject;
  reason: string;
}

/** Setup with one more of its parts. */
export function setupWith(part: string): string {
  return `npm run setup -- --with=${part}`;
}

/** Whether something that is located throws. */
export function isThere(locate: () => unknown): boolean {
  try {
    locate();
    return true;
  } catch {
    return false;
  }
}
