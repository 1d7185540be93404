/** Limits on what agents may upload; each is refused when it is exceeded. */
export interface SourceLimits {
  /** One tarball. */
  bytes: number;
  /** All that one agent uploads within 24 hours; the same again counts once. */
  bytesPerDay: number;
  countPerDay: number;
}

export const SOURCE_LIMITS: SourceLimits = {
  bytes: 8 * 1024 * 1024,
  bytesPerDay: 64 * 1024 * 1024,
  countPerDay: 200,
};

/** Configurations that agents upload for their own requests, kept in the content store. */
export interface SourceUploads {
  /**
   * Notes whose it is, then keeps it. The same again changes nothing.
   * @throws Refusal `digest_mismatch` when the bytes are others; `content_too_large`; `quota_exceeded`.
   * @throws ServiceFault `vault` or `record`: send the same again.
   */
  put(agent: string, sha256: string, bytes: Uint8Array): Promise<void>;
}
