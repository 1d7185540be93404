import type { Command } from 'commander';
import type { WebhookDelivery } from '../../../src/client/answers.js';
import { visibleLine } from '../../../src/core/visible-text.js';
import { connectAsPerson } from '../connect.js';
import { lookOf, report, type CommandHost, type GlobalOptions } from '../host.js';
import { instant } from '../render/time.js';
import { parseLimit } from './list.js';

interface DeliveriesOptions extends GlobalOptions {
  action?: string;
  state?: string;
  limit: number;
  before?: string;
}

export function addWebhooks({ program, context }: CommandHost): void {
  const webhooks = program.command('webhooks').description('See what became of webhooks, and send one again.');
  webhooks
    .command('deliveries')
    .description('List deliveries, newest first.')
    .option('--action <id>', 'only those about this action')
    .option('--state <state>', 'only those that are pending, delivered or failed')
    .option('--limit <count>', 'at most this many', parseLimit, 20)
    .option('--before <place>', 'only deliveries older than the page that named this')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<DeliveriesOptions>();
      const { action, state, limit, before } = options;
      const api = await connectAsPerson(context, options);
      const page = await api.webhookDeliveries({
        limit,
        ...(action !== undefined && { action }),
        ...(state !== undefined && { state }),
        ...(before !== undefined && { before }),
      });
      report(context, options, page, () => {
        const { style } = lookOf(context);
        return [
          ...(page.deliveries.length === 0 ? ['No deliveries.'] : page.deliveries.flatMap(linesOf)),
          ...(page.next === null ? [] : [style.dim(`More: countersign webhooks deliveries --before ${page.next}`)]),
        ];
      });
    });
  webhooks
    .command('replay')
    .description('Send a webhook again: the same body under the same id.')
    .argument('<id>', "the delivery's id")
    .action(async (id: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const api = await connectAsPerson(context, options);
      const delivery = await api.replayWebhook(id);
      report(context, options, delivery, () => [
        `It is sent to ${visibleLine(delivery.endpoint)} again: ${whatOf(delivery)}.`,
      ]);
    });
}

function whatOf({ event, actionId, statement }: WebhookDelivery): string {
  return `${visibleLine(event)} of ${visibleLine(actionId ?? statement ?? 'nothing')}`;
}

function linesOf(delivery: WebhookDelivery): string[] {
  const { id, endpoint, state, attempts, lastStatus, createdAtMs, dueAtMs, replayedBy } = delivery;
  const answer = attempts === 0 ? 'not tried yet' : `last answer ${lastStatus === null ? 'none' : String(lastStatus)}`;
  return [
    `${visibleLine(id)}  ${state}  ${whatOf(delivery)} to ${visibleLine(endpoint)}`,
    `  ${instant(createdAtMs)}, attempts: ${String(attempts)}, ${answer}` +
      (dueAtMs === null ? '' : `, next ${instant(dueAtMs)}`) +
      (replayedBy === null ? '' : `, sent again by ${visibleLine(replayedBy)}`),
  ];
}
