import { describe, expect, it } from 'vitest';
import { lookSignal, type DebtStanding } from '../../src/contracts/retrospective.js';
import { useYard } from '../support/use-yard.js';

const HOUR_MS = 3_600_000;
const yard = useYard();

describe('the review of a broken glass', () => {
  const owedFor = (hours: number, nowMs: number, claimedAtMs = nowMs): DebtStanding => ({
    kind: 'owed',
    title: 'Review of a broken glass: database.export on orders',
    by: ['erin', 'fay'],
    open: ['dba'],
    claimedAtMs,
    dueAtMs: claimedAtMs + hours * HOUR_MS,
  });

  it('reminds three times, says each day that it is late, and ends when the record says that it is paid', async () => {
    let debt = owedFor(24, await yard.environment.currentTimeMs());
    await yard.withReview({ readDebt: () => debt }, async ({ seen, handle }) => {
      await yard.environment.sleep('23 hours');
      expect(seen.announced).toEqual(['debt_reminded', 'debt_reminded', 'debt_reminded']);
      await yard.environment.sleep('26 hours');
      expect(seen.announced.slice(3)).toEqual(['debt_overdue', 'debt_overdue']);
      debt = { kind: 'paid', title: 'Review of a broken glass' };
      await handle.signal(lookSignal);
      expect(await handle.result()).toEqual({ state: 'paid' });
      expect(seen.announced.at(-1)).toBe('debt_paid');
    });
  });

  it('goes on for weeks, in several runs, and looks by itself where nobody says that it was paid', async () => {
    let debt = owedFor(24, await yard.environment.currentTimeMs());
    await yard.withReview({ readDebt: () => debt }, async ({ seen, handle }) => {
      await yard.environment.sleep('145 hours');
      expect(seen.announced.filter((event) => event === 'debt_overdue')).toHaveLength(6);
      debt = { kind: 'paid', title: 'Review of a broken glass' };
      expect(await handle.result()).toEqual({ state: 'paid' });
    });
  });

  // Whoever may write to the namespace can end it; the notary starts it again within seconds, without its memory.
  it('that is started again a month late says so once, not for each day', async () => {
    let debt = owedFor(
      24,
      await yard.environment.currentTimeMs(),
      (await yard.environment.currentTimeMs()) - 31 * 24 * HOUR_MS,
    );
    await yard.withReview({ readDebt: () => debt }, async ({ seen, handle }) => {
      await yard.environment.sleep('1 minute');
      expect(seen.announced).toEqual(['debt_overdue']);
      debt = { kind: 'paid', title: 'Review of a broken glass' };
      await handle.signal(lookSignal);
      await handle.result();
    });
  });

  it('that a stranger started before the notary, and that says all was told, reminds and says that it is late', async () => {
    let debt = owedFor(24, await yard.environment.currentTimeMs());
    const reviewTold = { reminders: 3, overdue: 9_000 };
    await yard.withReview({ readDebt: () => debt, reviewTold }, async ({ seen, handle }) => {
      await yard.environment.sleep('50 hours');
      const reminded = ['debt_reminded', 'debt_reminded', 'debt_reminded'];
      expect(seen.announced).toEqual([...reminded, 'debt_overdue', 'debt_overdue']);
      debt = { kind: 'paid', title: 'Review of a broken glass' };
      await handle.signal(lookSignal);
      await handle.result();
    });
  });

  it('is paid by nothing that it is sent, and a flood of that fills no history', async () => {
    let debt = owedFor(24, await yard.environment.currentTimeMs());
    await yard.withReview({ readDebt: () => debt }, async ({ handle }) => {
      for (let count = 0; count < 80; count += 1) await handle.signal(lookSignal);
      await handle.signal('paid', { kind: 'paid' });
      await yard.environment.sleep('1 minute');
      const { status, historyLength } = await handle.describe();
      expect(status.name).toBe('RUNNING');
      expect(historyLength).toBeLessThan(80 + 60 * 10);
      debt = { kind: 'paid', title: 'Review of a broken glass' };
      await handle.result();
    });
  });

  // Whoever may complete an activity by its id answers anything; the notary starts the review again.
  it.each([[{ kind: 'owed' }], [{ kind: 'owed', open: 'dba', by: 5, claimedAtMs: 'x', dueAtMs: 'y' }]])(
    'ends where the record is said to answer %j, and hangs on nothing',
    async (answer) => {
      await yard.withReview({ readDebt: () => answer as unknown as DebtStanding }, async ({ handle }) => {
        await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'statement_invalid' } });
      });
    },
  );

  it.each([[null], [{}], [{ actionId: 5 }], [{ actionId: 'x', told: 'y' }]])(
    'of a stranger’s input %j asks the record alone',
    async (input) => {
      const handle = await yard.environment.client.workflow.start('retrospectiveReview', {
        taskQueue: 'countersign',
        workflowId: `retrospective/${JSON.stringify(input)}`,
        args: [input],
      });
      await expect.poll(async () => (await handle.describe()).historyLength).toBeGreaterThan(4);
      expect((await handle.describe()).status.name).toBe('RUNNING');
      await handle.terminate();
    },
  );
});
