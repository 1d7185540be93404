import type { Channel } from '../src/channels/channel.js';
import { createDeliverer } from '../src/channels/webhook/deliverer.js';
import { createDeliveryLog } from '../src/channels/webhook/delivery-log.js';
import { createWebhookChannel } from '../src/channels/webhook/webhook-channel.js';
import { webhookSettings, type WebhooksConfig } from '../src/config/webhooks.js';
import { loopEvery } from './loop.js';
import type { Runtime } from './runtime.js';

// How soon after its time a message is tried again.
const DELIVER_EVERY_MS = 1_000;

/** The webhook channel, where there are receivers, and what delivers to them until it is stopped. */
export function openWebhooks(
  config: WebhooksConfig & { COUNTERSIGN_PUBLIC_URL?: string | undefined },
  { pool, clock, onInternal }: Pick<Runtime, 'pool' | 'clock' | 'onInternal'>,
): { channels: readonly Channel[]; stop(): Promise<void> } {
  const settings = webhookSettings(config);
  if (settings === null) return { channels: [], stop: () => Promise.resolve() };
  const { endpoints, publicUrl } = settings;
  const log = createDeliveryLog(pool);
  const deliverer = createDeliverer({ log, endpoints, clock, onFault: onInternal });
  const channel = createWebhookChannel({
    log,
    endpoints: endpoints.map(({ name }) => name),
    publicUrl,
    clock,
    wake: () => void deliverer.deliver(),
  });
  const loop = loopEvery(DELIVER_EVERY_MS, () => deliverer.deliver(), onInternal);
  return {
    channels: [channel],
    async stop() {
      await deliverer.stop();
      await loop.stop();
    },
  };
}
