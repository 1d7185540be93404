/** The largest single thing that is kept: 16 MiB. */
export const CONTENT_LIMIT_BYTES = 16 * 1024 * 1024;

/**
 * Large things (logs, plan files), encrypted, under the digest that statements and payloads name them by. Nothing is
 * ever changed or removed here.
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
   * @throws Refusal `content_missing`, or `content_corrupt` when it is not what was put.
   * @throws ServiceFault `vault` or `record`.
   */
  get(sha256: string): Promise<Uint8Array>;
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
