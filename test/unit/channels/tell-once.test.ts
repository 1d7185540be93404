import { expect, test } from 'vitest';
import { createTellOnce, REFUSED_REST_MS } from '../../../src/channels/tell-once.js';
import { ServiceFault } from '../../../src/core/errors.js';

type Answer = 'taken' | 'away' | 'refused';

/** Two channels, each with what it answers about each thing, and what was asked of them in the last pass. */
function telling(things: Map<string, string>) {
  const answers: Record<string, Answer> = {};
  const asked: string[] = [];
  let nowMs = 0;
  const pass = createTellOnce(
    ['chat', 'pager'],
    async () => things,
    async (channel, thing) => {
      asked.push(`${channel} ${thing}`);
      const answer = answers[`${channel} ${thing}`] ?? 'taken';
      if (answer !== 'taken') throw new ServiceFault('slack', answer, answer === 'away');
    },
    () => nowMs,
  );
  return {
    answers,
    after: async (ms: number) => {
      nowMs += ms;
      asked.length = 0;
      const said = await pass().then(
        () => 'all told',
        (error: unknown) => (error as Error).message,
      );
      return [said, ...asked.sort()];
    },
  };
}

test('what a channel refuses for good rests for an hour, and holds up nothing else', async () => {
  const things = new Map([['one', 'one']]);
  const { answers, after } = telling(things);
  answers['chat one'] = 'refused';
  expect(await after(0)).toEqual(['refused', 'chat one', 'pager one']);
  expect(await after(10_000)).toEqual(['all told']);
  things.set('two', 'two');
  expect(await after(10_000)).toEqual(['all told', 'chat two', 'pager two']);
  expect(await after(REFUSED_REST_MS - 20_001)).toEqual(['all told']);
  expect(await after(1)).toEqual(['refused', 'chat one']);
  answers['chat one'] = 'taken';
  expect(await after(REFUSED_REST_MS)).toEqual(['all told', 'chat one']);
  expect(await after(REFUSED_REST_MS)).toEqual(['all told']);
});

test('a channel that is away is told with the next pass, in order', async () => {
  const { answers, after } = telling(new Map(['one', 'two'].map((key) => [key, key])));
  answers['chat one'] = 'away';
  expect(await after(0)).toEqual(['away', 'chat one', 'pager one', 'pager two']);
  answers['chat one'] = 'taken';
  expect(await after(10_000)).toEqual(['all told', 'chat one', 'chat two']);
});

test('what stands otherwise now is told at once, whatever was refused before', async () => {
  const things = new Map([['one/stands', 'one']]);
  const { answers, after } = telling(things);
  answers['chat one'] = 'refused';
  await after(0);
  things.delete('one/stands');
  things.set('one/cleared', 'one');
  expect(await after(10_000)).toEqual(['refused', 'chat one', 'pager one']);
});
