import type { z } from 'zod';
import type { OcsfEvent } from './ocsf/event.js';

/** One entry of the ledger, as receivers get it. */
export interface SiemEvent {
  /** In the ledger; also `metadata.sequence`. */
  index: number;
  /** The leaf hash; also `metadata.uid`. */
  uid: string;
  event: OcsfEvent;
  /** The event on one line of ASCII. */
  json: string;
}

/** An event that a receiver will never take, however often it is sent. */
export interface RejectedEvent {
  uid: string;
  /** In our words: a receiver's own may hold anything. */
  why: string;
}

/** An open connection to a receiver. */
export interface OpenSink {
  /**
   * Hands over events in their order; resolves when the receiver has them, as far as its protocol can tell.
   * @returns those that it refuses for good; the others are delivered.
   * @throws SinkFault: none of them, or only some, may have arrived: all are sent again.
   */
  send(events: readonly SiemEvent[]): Promise<readonly RejectedEvent[]>;
  /** False: the connection broke since, and what was sent last may be lost. */
  isAlive(): boolean;
  /** Never rejects. */
  close(): Promise<void>;
}

export interface SinkDependencies {
  /** What `stdout` writes to. */
  stdout: NodeJS.WritableStream;
  clock: () => number;
}

/** The entry of a sink in the settings. */
export interface SinkSettings {
  kind: string;
  name: string;
}

/** One way to hand events to a receiver. A new one is one file in `sinks/` that exports `siemSink`. */
export interface SinkKind<S extends SinkSettings = SinkSettings> {
  kind: S['kind'];
  schema: z.ZodType<S>;
  /**
   * How many of the events that were sent last are sent again after the connection broke, and at start: for protocols
   * without acknowledgement. 0: what `send` resolved for has arrived.
   */
  resendAfterBreak(settings: S): number;
  /** @throws SinkFault */
  open(settings: S, dependencies: SinkDependencies): Promise<OpenSink>;
}

/** The entry of a kind of sink. */
export type SinkSettingsOf<K> = K extends SinkKind<infer S> ? S : never;

/** A receiver that did not take what it was given: it is tried again. The message holds no secret. */
export class SinkFault extends Error {
  override readonly name = 'SinkFault';
  /** How long the receiver asked us to wait; null where it did not say. */
  readonly retryAfterMs: number | null;

  constructor(message: string, retryAfterMs: number | null = null, options?: ErrorOptions) {
    super(message, options);
    this.retryAfterMs = retryAfterMs;
  }
}
