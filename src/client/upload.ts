import { createHash } from 'node:crypto';
import type { GatewayApi } from './api.js';

/** A tarball at the gateway, as the parameters of a request name it. A type, not an interface: it is JSON. */
export type UploadedSource = { kind: 'tarball'; sha256: string };

/**
 * Uploads a tarball by its digest. The same again changes nothing.
 * @throws Refusal `body_too_large`, `quota_exceeded`, `agent_frozen`; ServiceFault `gateway`.
 */
export async function uploadSource(
  api: Pick<GatewayApi, 'uploadSource'>,
  tarball: Uint8Array,
): Promise<UploadedSource> {
  const sha256 = createHash('sha256').update(tarball).digest('hex');
  await api.uploadSource(sha256, tarball);
  return { kind: 'tarball', sha256 };
}
