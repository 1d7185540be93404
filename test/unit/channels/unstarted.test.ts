import { describe, expect, it } from 'vitest';
import { createUnstartedPass } from '../../../src/channels/unstarted.js';
import type { Envelope } from '../../../src/core/dsse.js';
import { Refusal, ServiceFault } from '../../../src/core/errors.js';
import type { StatementKind } from '../../../src/core/schemas/statements.js';
import type { AnyRecorded } from '../../../src/record/record.js';

/** Open actions by id, newest first, with the kinds of their statements; and what handing each in again comes to. */
function arrange(open: Record<string, StatementKind[]>, answers: Record<string, Error> = {}) {
  const looked: string[] = [];
  const submitted: string[] = [];
  const reported: unknown[] = [];
  const time = { nowMs: 60_000 };
  const pass = createUnstartedPass({
    record: {
      listActions: async () => Object.keys(open),
      ofActions: async (ids) => {
        looked.push(...ids);
        return ids.map((id) =>
          (open[id] ?? []).map(
            (kind) => ({ kind, envelope: { payload: id }, recordedAtMs: 0 }) as unknown as AnyRecorded,
          ),
        );
      },
    },
    submit: async ({ payload }: Envelope) => {
      submitted.push(payload);
      const answer = answers[payload];
      if (answer !== undefined) throw answer;
    },
    clock: () => time.nowMs,
    onInternal: (error) => reported.push(error),
  });
  return { pass, time, open, answers, looked, submitted, reported };
}

describe('the pass over what was never started', () => {
  it('hands in what shows no sign of a workflow, oldest first, and nothing else', async () => {
    const { pass, submitted } = arrange({
      new: ['request'],
      refused: ['request', 'refusal'],
      leased: ['request', 'lease'],
      waiting: ['request', 'lease', 'preview', 'plan'],
      old: ['request'],
    });
    expect(await pass()).toBe(3);
    expect(submitted).toEqual(['old', 'refused', 'new']);
  });

  it('leaves a request of this moment to whoever took it, and comes back to it', async () => {
    const { pass, time, submitted } = arrange({ b: ['request'] });
    time.nowMs = 9_999;
    expect(await pass()).toBe(0);
    time.nowMs = 10_000;
    expect(await pass()).toBe(1);
    expect(submitted).toEqual(['b']);
  });

  it('looks at each action once, and again only at one that came back after it had closed', async () => {
    const { pass, open, looked } = arrange({ b: ['request'], a: ['request', 'plan'] });
    await pass();
    await pass();
    expect(looked).toEqual(['a', 'b']);
    delete open['b'];
    await pass();
    open['b'] = ['request'];
    await pass();
    expect(looked).toEqual(['a', 'b', 'b']);
  });

  it('ends at a service that is away, says so, and goes on there the next time', async () => {
    const away = new ServiceFault('temporal', 'Temporal did not answer.', true);
    const { pass, answers, submitted } = arrange({ c: ['request'], b: ['request'], a: ['request'] }, { b: away });
    await expect(pass()).rejects.toBe(away);
    expect(submitted).toEqual(['a', 'b']);
    delete answers['b'];
    expect(await pass()).toBe(2);
    expect(submitted).toEqual(['a', 'b', 'b', 'c']);
  });

  it('reports what is refused, once, and goes on with the others', async () => {
    const refusal = new Refusal('agent_unknown', 'The agent has left.');
    const { pass, submitted, reported } = arrange({ b: ['request'], a: ['request'] }, { a: refusal });
    expect(await pass()).toBe(1);
    expect(await pass()).toBe(0);
    expect(submitted).toEqual(['a', 'b']);
    expect(reported).toEqual([refusal]);
  });
});
