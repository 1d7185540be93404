import { expect, vi } from 'vitest';
import { translated } from '../../activities/failures.js';
import type { Channel } from '../../src/channels/channel.js';
import type { Prepared } from '../../src/contracts/activities.js';
import type { ActionView } from '../../src/record/action-view.js';
import { decisionOf, doneView, timeline, waitingView } from '../unit/slack/views.js';
import type { FileYard } from '../support/use-yard.js';
import type { Bench } from './harness.js';

const MINUTE_MS = 60_000;

/** A chat, and how it is made to fail; null: no more. */
export interface FailingChat<Fault> {
  channel: Channel;
  failAll(fault: Fault | 'drop_request' | { status: number } | null): void;
}

/** What a test of a chat says of its own: its worst minutes, and what stands there in the end. */
export interface Away<Fault> {
  chat: FailingChat<Fault>;
  /** While it fails in its own way; the requests were dropped and refused for twenty minutes before. */
  meanwhile(fails: (fault: Fault | 'drop_request', minutes: number) => Promise<void>): Promise<void>;
  /** Once it is back and the workflow has ended. */
  afterwards(actionId: string): Promise<void>;
}

const remindsEveryTenMinutes = (base: Prepared): Prepared => ({
  ...base,
  plan: { ...base.plan, remindAfterMs: 10 * MINUTE_MS },
});

/**
 * An hour in which a chat is away: the action is announced, reminded of, decided elsewhere, runs and ends meanwhile, and the
 * chat is told in the end.
 */
export async function withChatAwayForAnHour<Fault>(
  yard: FileYard,
  { chat, meanwhile, afterwards }: Away<Fault>,
): Promise<void> {
  let view: (actionId: string) => ActionView = (actionId) => waitingView({ actionId });
  let attempts = 0;
  let bench: Bench | null = null;
  const tell = async (actionId: string, event: 'opened' | 'concluded', number: number): Promise<void> => {
    attempts += 1;
    await chat.channel.announce(event, view(actionId), number);
  };
  const fails = async (fault: Parameters<typeof chat.failAll>[0], minutes: number): Promise<void> => {
    chat.failAll(fault);
    await yard.environment.sleep(minutes * MINUTE_MS);
  };
  chat.failAll('drop_request');
  await yard.withAction(
    {
      prepared: remindsEveryTenMinutes,
      announce: ({ actionId, number }) =>
        translated(
          () => undefined,
          () => tell(actionId, number === 0 ? 'concluded' : 'opened', number),
        ),
      told: async () =>
        tell(bench?.actionId ?? '', 'concluded', 0).then(
          () => true,
          () => false,
        ),
    },
    async (running) => {
      bench = running;
      await vi.waitFor(() => {
        expect(attempts).toBeGreaterThan(0);
      }, 20_000);
      await fails('drop_request', 10);
      await fails({ status: 503 }, 10);
      await meanwhile(fails);
      const approval = decisionOf('ada', 'approve', '');
      view = (id) => waitingView({ actionId: id, state: 'approved', decisions: [approval], timeline: timeline(5) });
      expect(await running.approve('ada', ['dba'])).toMatchObject({ state: 'filled' });
      view = (id) => doneView({ actionId: id });
      await vi.waitFor(() => {
        expect(running.seen.concluded).toHaveLength(1);
      }, 20_000);
      expect(running.seen.ran).toBe(1);
      await fails('drop_request', 29);
      expect(attempts).toBeGreaterThan(40);

      chat.failAll(null);
      expect(await running.result()).toMatchObject({ outcome: { status: 'succeeded' } });
      await afterwards(running.actionId);
    },
  );
}
