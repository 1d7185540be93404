import type { WebhookEndpoint } from '../../config/webhooks.js';
import type { DeliveryLog, DueDelivery } from './delivery-log.js';
import { webhookHeaders } from './signature.js';

export interface DelivererOptions {
  log: Pick<DeliveryLog, 'take' | 'settle'>;
  endpoints: readonly WebhookEndpoint[];
  clock: () => number;
  onFault: (error: unknown) => void;
  /** Default 10,000. */
  timeoutMs?: number;
  /** How long a message is tried before it counts as failed. Default: 3 days. */
  giveUpAfterMs?: number;
}

/** Sends what the delivery log holds. */
export interface Deliverer {
  /** One pass over all receivers: until nothing is due. Never rejects; while one goes on, another call is that one. */
  deliver(): Promise<void>;
  /** Starts no further attempt; resolves when the last has ended. */
  stop(): Promise<void>;
}

const AT_ONCE = 8;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 300_000;
const LONGEST_ASKED_PAUSE_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** Any number of processes may deliver from the same log. */
export function createDeliverer(options: DelivererOptions): Deliverer {
  const { endpoints, log, onFault } = options;
  const stopping = new AbortController();
  const running = new Map<string, Promise<void>>();

  const drain = async (endpoint: WebhookEndpoint): Promise<void> => {
    while (!stopping.signal.aborted) {
      const due = await log.take(endpoint.name, AT_ONCE);
      if (due.length === 0) return;
      await Promise.all(due.map((delivery) => attempt(delivery, endpoint, options)));
    }
  };
  // One receiver that is slow holds up no other.
  const start = (endpoint: WebhookEndpoint): Promise<void> => {
    const earlier = running.get(endpoint.name);
    if (earlier !== undefined) return earlier;
    const pass = drain(endpoint)
      .catch(onFault)
      .finally(() => running.delete(endpoint.name));
    running.set(endpoint.name, pass);
    return pass;
  };
  return {
    async deliver() {
      await Promise.all(endpoints.map(start));
    },
    async stop() {
      stopping.abort();
      await Promise.all(running.values());
    },
  };
}

async function attempt(
  delivery: DueDelivery,
  endpoint: WebhookEndpoint,
  { log, clock, timeoutMs = 10_000, giveUpAfterMs = 3 * DAY_MS }: DelivererOptions,
): Promise<void> {
  const { id, payload, attempts, sinceMs } = delivery;
  const { status, retryAfterMs } = await post(id, payload, endpoint, { nowMs: clock(), timeoutMs });
  if (status !== null && status >= 200 && status < 300) {
    await log.settle(delivery, { state: 'delivered', status, retryInMs: null });
    return;
  }
  // 410: the receiver wants no more of it, says the specification.
  if (status === 410 || clock() - sinceMs > giveUpAfterMs) {
    await log.settle(delivery, { state: 'failed', status, retryInMs: null });
    return;
  }
  const doubled = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(attempts - 1, 20), LONGEST_PAUSE_MS);
  await log.settle(delivery, { state: 'pending', status, retryInMs: retryAfterMs ?? doubled });
}

/** The answer's body is never read: what a receiver says reaches nobody. */
async function post(
  id: string,
  body: string,
  { url, secrets }: WebhookEndpoint,
  { nowMs, timeoutMs }: { nowMs: number; timeoutMs: number },
): Promise<{ status: number | null; retryAfterMs: number | null }> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Countersign',
        ...webhookHeaders({ id, timestampSeconds: Math.floor(nowMs / 1_000), body }, secrets),
      },
      body,
      // A redirect is an answer like any other that is no success: it is not followed.
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    await response.body?.cancel();
    return { status: response.status, retryAfterMs: retryAfter(response.headers.get('retry-after'), nowMs) };
  } catch {
    return { status: null, retryAfterMs: null };
  }
}

/** Seconds or a date (RFC 9110, 10.2.3), an hour at most. */
function retryAfter(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - nowMs;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, FIRST_PAUSE_MS), LONGEST_ASKED_PAUSE_MS) : null;
}
