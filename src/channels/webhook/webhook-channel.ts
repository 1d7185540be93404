import { sha256Hex } from '../../core/json.js';
import type { ActionView } from '../../record/action-view.js';
import { toAlarm } from '../api/alarm-schemas.js';
import { freezeSchema } from '../api/freeze-schemas.js';
import { actionSchema } from '../api/schemas.js';
import type { AnnouncementEvent } from '../../contracts/activities.js';
import type { Channel } from '../channel.js';
import type { AlarmState } from '../clearing.js';
import type { FreezeState } from '../freezing.js';
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
export function createWebhookChannel(options: WebhookChannelOptions): Channel {
  const { log, endpoints, publicUrl, clock, wake } = options;
  const tell = async (notices: readonly Notice[]): Promise<void> => {
    for (const notice of notices) await addNotice(notice, options);
    wake();
  };
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
    alarmStands: (alarm) => tell([raised(alarm)]),
    // Of one that was raised and cleared while no notary ran, a receiver hears both, and in order.
    alarmCleared: (alarm) => tell([raised({ ...alarm, cleared: null }), noticeOf('alarm.cleared', toAlarm(alarm))]),
    freezeStands: (freeze) => tell([put(freeze)]),
    freezeLifted: (freeze) => tell([put(freeze), noticeOf('freeze.lifted', freezeSchema.parse(freeze))]),
  };
}

/** What is told of a statement about no action; `shown`: as the API shows it. */
interface Notice {
  type: 'alarm.raised' | 'alarm.cleared' | 'freeze.put' | 'freeze.lifted';
  shown: { digest: string };
}

const noticeOf = (type: Notice['type'], shown: Notice['shown']): Notice => ({ type, shown });
const raised = (alarm: AlarmState): Notice => noticeOf('alarm.raised', toAlarm(alarm));
const put = (freeze: FreezeState): Notice => noticeOf('freeze.put', freezeSchema.parse(freeze));

async function addNotice({ type, shown }: Notice, { log, endpoints, publicUrl, clock }: WebhookChannelOptions) {
  for (const endpoint of endpoints) {
    const id = `msg_${sha256Hex(JSON.stringify([endpoint, shown.digest, type])).slice(0, 32)}`;
    const subject = type.startsWith('alarm') ? 'alarm' : 'freeze';
    const data = { link: `${publicUrl}/actions?show=incidents`, [subject]: shown };
    const payload = JSON.stringify({ id, type, timestamp: new Date(clock()).toISOString(), data });
    await log.add({ id, endpoint, statement: shown.digest, event: type, payload });
  }
}

/**
 * One for each announcement and receiver, however often it is told. The end is told twice where a lease ended late; a broken
 * glass once a round, for both the action's workflow and the notary tell it.
 */
function messageId(endpoint: string, event: AnnouncementEvent, view: ActionView, number: number): string {
  const end = event === 'concluded' ? [view.lease] : [];
  const count = event === 'glass_broken' ? view.round : number;
  return `msg_${sha256Hex(JSON.stringify([endpoint, view.actionId, event, count, ...end])).slice(0, 32)}`;
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
