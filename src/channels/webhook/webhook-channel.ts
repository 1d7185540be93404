import { sha256Hex } from '../../core/json.js';
import type { ActionView } from '../../record/action-view.js';
import { actionSchema } from '../api/schemas.js';
import type { AnnouncementEvent, Channel } from '../channel.js';
import type { DeliveryLog } from './delivery-log.js';

export interface WebhookChannelOptions {
  log: Pick<DeliveryLog, 'add'>;
  /** Names of the receivers. */
  endpoints: readonly string[];
  /** Without a slash at its end. */
  publicUrl: string;
  clock: () => number;
  /** Something was added: deliver it soon. */
  wake: () => void;
}

/** A message with more bytes carries no action, only the link to it. */
const MAX_PAYLOAD_BYTES = 1_000_000;

/**
 * Tells other programs by signed HTTP requests. An announcement is taken once it is in the delivery log, so that neither a
 * receiver that is away nor the action's end loses one.
 */
export function createWebhookChannel({ log, endpoints, publicUrl, clock, wake }: WebhookChannelOptions): Channel {
  return {
    name: 'webhook',
    async announce(event, view, number) {
      for (const endpoint of endpoints) {
        const id = messageId(endpoint, event, view, number);
        const payload = payloadOf(id, event, view, { publicUrl, nowMs: clock() });
        await log.add({ id, endpoint, actionId: view.actionId, event, payload });
      }
      wake();
    },
  };
}

/** One for each announcement and receiver, however often it is told. The end is told twice where a lease ended late. */
function messageId(endpoint: string, event: AnnouncementEvent, view: ActionView, number: number): string {
  const end = event === 'concluded' ? [view.lease] : [];
  return `msg_${sha256Hex(JSON.stringify([endpoint, view.actionId, event, number, ...end])).slice(0, 32)}`;
}

function payloadOf(
  id: string,
  event: AnnouncementEvent,
  view: ActionView,
  { publicUrl, nowMs }: { publicUrl: string; nowMs: number },
): string {
  const write = (action: unknown): string =>
    JSON.stringify({
      id,
      type: `action.${event}`,
      timestamp: new Date(nowMs).toISOString(),
      data: { actionId: view.actionId, link: `${publicUrl}/view/${view.actionId}`, action },
    });
  // Through the API's schema: exactly what the API shows.
  const whole = write(actionSchema.parse(view));
  return Buffer.byteLength(whole) > MAX_PAYLOAD_BYTES ? write(null) : whole;
}
