import { timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { Refusal } from '../../../core/errors.js';
import type { Session } from './sessions.js';

/** The header in which our pages send the session's token back. */
const CSRF_HEADER = 'x-countersign-csrf';

/**
 * Whether a page of ours sent the request, as the browser says (https://www.w3.org/TR/fetch-metadata/). A read by the
 * address bar counts too, and one by a browser that says nothing: what it answers, other sites cannot read.
 * @param origin of this gateway, as people reach it.
 */
export function isFromOwnPage(
  { headers, method }: Pick<FastifyRequest, 'headers' | 'method'>,
  origin: string,
): boolean {
  const { origin: sentOrigin, 'sec-fetch-site': site } = headers;
  const isRead = method === 'GET' || method === 'HEAD';
  if (site !== undefined) return site === 'same-origin' || (site === 'none' && isRead);
  return sentOrigin === undefined ? isRead : sentOrigin === origin;
}

/**
 * Whoever changes something by a cookie must prove that a page of ours asked for it.
 * @throws Refusal `forbidden`.
 */
export function requireOwnPage(request: FastifyRequest, session: Session, origin: string): void {
  if (!isFromOwnPage(request, origin))
    throw new Refusal('forbidden', 'Another site sent this request: nothing was done.', 'Origin');
  if (request.method === 'GET' || request.method === 'HEAD') return;
  const sent = request.headers[CSRF_HEADER];
  if (typeof sent === 'string' && isEqual(sent, session.csrf)) return;
  const message = `The header ${CSRF_HEADER} must hold the session's token: load the page again.`;
  throw new Refusal('forbidden', message, CSRF_HEADER);
}

/** In constant time. */
export function isEqual(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)];
  return left.length === right.length && timingSafeEqual(left, right);
}
