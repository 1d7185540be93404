import { z } from 'zod';
import { ServiceFault } from '../../core/errors.js';
import type { Secret } from '../../core/secret.js';

/** An alert of PagerDuty's Events API v2. */
export interface PagerAlert {
  /** One line; cut to the 1,024 characters that the API takes. */
  summary: string;
  severity: 'critical' | 'error' | 'warning' | 'info';
  details: Record<string, string>;
  link: { href: string; text: string };
}

/** PagerDuty's Events API v2. Both calls are idempotent by their key. */
export interface PagerdutyEvents {
  trigger(dedupKey: string, alert: PagerAlert): Promise<void>;
  resolve(dedupKey: string): Promise<void>;
}

export interface PagerdutyEventsOptions {
  routingKey: Secret;
  /** Without a slash at its end. */
  eventsUrl: string;
  /** Default 10,000. */
  timeoutMs?: number;
}

const SUMMARY_CHARS = 1_024;

/** @throws ServiceFault `pager`; not temporary where PagerDuty says that the event itself is wrong. */
export function createPagerdutyEvents({
  routingKey,
  eventsUrl,
  timeoutMs = 10_000,
}: PagerdutyEventsOptions): PagerdutyEvents {
  const send = async (event: Record<string, unknown>): Promise<void> => {
    let response: Response;
    try {
      response = await fetch(`${eventsUrl}/v2/enqueue`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ routing_key: routingKey.reveal(), ...event }),
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
      });
    } catch {
      // Without its cause: what was sent holds the routing key.
      throw new ServiceFault('pager', 'PagerDuty cannot be reached.', true);
    }
    await response.body?.cancel();
    if (response.status === 202) return;
    // Anything else may be a proxy's on the way: nobody is to sleep on because of that.
    const isTemporary = response.status !== 400;
    const retryAfter = retryAfterSchema.safeParse(response.headers.get('retry-after')).data;
    throw new ServiceFault('pager', `PagerDuty answered ${String(response.status)}.`, isTemporary, {
      ...(retryAfter !== undefined && { retryAfterMs: retryAfter * 1_000 }),
    });
  };
  return {
    trigger: (dedupKey, { summary, severity, details, link }) =>
      send({
        event_action: 'trigger',
        dedup_key: dedupKey,
        payload: { summary: summary.slice(0, SUMMARY_CHARS), source: 'countersign', severity, custom_details: details },
        links: [link],
      }),
    resolve: (dedupKey) => send({ event_action: 'resolve', dedup_key: dedupKey }),
  };
}

const retryAfterSchema = z.coerce.number().int().min(1).max(3_600);
