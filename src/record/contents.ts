import { Refusal } from '../core/errors.js';

/** The largest single thing that is kept: 16 MiB. */
export const CONTENT_LIMIT_BYTES = 16 * 1024 * 1024;

/**
 * Large things (logs, plan files), encrypted, under the digest that statements and payloads name them by. Nothing is
 * ever changed; what nothing has used for the retention time is removed by the notary, and what was, stays known.
 */
export interface Contents {
  /**
   * Keeps bytes, once however often they are put.
   * @returns their lower-case hex SHA-256.
   * @throws Refusal `content_too_large`; `content_corrupt` when something else is kept under their digest.
   * @throws ServiceFault `vault` or `record`.
   */
  put(bytes: Uint8Array): Promise<string>;
  /**
   * What was put, its digest verified.
   * @throws Refusal `content_missing`, or `content_corrupt` when it is not what was put; ContentRemoved.
   * @throws ServiceFault `vault` or `record`.
   */
  get(sha256: string): Promise<Uint8Array>;
  /** Whether this agent uploaded it as a source of its own; see SourceUploads. */
  isUploadedBy(sha256: string, agent: string): Promise<boolean>;
}

/** For who only reads what is kept. */
export type KeptContents = Pick<Contents, 'get' | 'isUploadedBy'>;

/** It was kept, and removed when its retention time was over. */
export class ContentRemoved extends Refusal {
  readonly removedAtMs: number;

  constructor(removedAtMs: number) {
    const day = new Date(removedAtMs).toISOString().slice(0, 10);
    super('content_removed', `It was removed from the content store on ${day}, when its retention time was over.`);
    this.removedAtMs = removedAtMs;
  }
}

/** A key for one thing alone, and the form of it that may be stored. */
export interface DataKey {
  /** 32 bytes; its user overwrites it. */
  key: Uint8Array;
  wrapped: string;
}

/** Makes keys that only their wrapping key can open again. */
export interface DataKeys {
  make(): Promise<DataKey>;
  /** Null when the wrapped form is none of this wrapping key's. */
  unwrap(wrapped: string): Promise<Uint8Array | null>;
}
