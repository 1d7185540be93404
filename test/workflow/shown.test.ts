import { ApplicationFailure, defaultPayloadConverter } from '@temporalio/common';
import type { WorkflowHandle } from '@temporalio/client';
import { expect, it } from 'vitest';
import { SEARCH_ATTRIBUTES } from '../../src/contracts/search-attributes.js';
import { useYard } from '../support/use-yard.js';

const yard = useYard();

/** What the workflow itself has said by each of its upserts. */
async function upsertsOf(handle: WorkflowHandle): Promise<Record<string, unknown>[]> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).flatMap(({ upsertWorkflowSearchAttributesEventAttributes: upserted }) => {
    const fields = Object.entries(upserted?.searchAttributes?.indexedFields ?? {}).filter(([name]) =>
      name.startsWith('Countersign'),
    );
    if (fields.length === 0) return [];
    return [Object.fromEntries(fields.map(([name, value]) => [name, defaultPayloadConverter.fromPayload(value)]))];
  });
}

const { state, waitingFor, leaseState, agent, risk, deadline } = SEARCH_ATTRIBUTES;

it('says that a lease is requested, not open, once the executor was asked; only that one knows when it is', async () => {
  await yard.withAction({}, async (bench) => {
    await expect.poll(async () => (await upsertsOf(bench.handle)).length).toBe(1);
    await bench.approve('ana', ['dba']);
    await bench.result();
    const shown = (await upsertsOf(bench.handle)).map((now) => [now[state.name], now[leaseState.name]]);
    expect(shown).toEqual([
      ['waiting', 'none'],
      ['running', 'requested'],
      ['succeeded', 'revoked'],
    ]);
  });
});

it('says of a refused request how it ended, whatever its sender said of it', async () => {
  const prepareFails = () => ApplicationFailure.create({ type: 'policy_forbids', message: 'No.', nonRetryable: true });
  await yard.withAction({ prepareFails }, async (bench) => {
    await expect(bench.result()).rejects.toThrow();
    const [shown, ...more] = await upsertsOf(bench.handle);
    expect(more).toEqual([]);
    expect(shown).toMatchObject({
      [state.name]: 'refused',
      [waitingFor.name]: 'nobody',
      [leaseState.name]: 'revoked',
    });
    // Taken away: nobody has judged them.
    expect(shown).toMatchObject({ [risk.name]: null, [deadline.name]: null });
    expect(shown).not.toHaveProperty(agent.name);
  });
});
