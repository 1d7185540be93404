import { describe, expect, test } from 'vitest';
import { createFrozenPass } from '../../../src/channels/frozen-pass.js';
import { Refusal, ServiceFault } from '../../../src/core/errors.js';
import type { FreezeScope } from '../../../src/core/schemas/statements.js';
import type { ActionFilter, AnyRecorded } from '../../../src/record/record.js';
import { evidenceOf, freeze, freezeByPerson, honestFacts, liftByPerson, loadPolicy } from '../enforcement/evidence.js';
import { EXAMPLE } from '../policy/bundle-folders.js';

const example = await loadPolicy(EXAMPLE);

/** Open actions by id, as `<agent> <operation>`. */
const OPEN: Readonly<Record<string, string>> = {
  one: 'export-bot database.export',
  two: 'export-bot database.grant',
  three: 'access-bot database.grant',
};

function passOver(
  scopes: readonly FreezeScope[],
  change: (facts: ReturnType<typeof honestFacts>) => void = () => undefined,
) {
  const facts = honestFacts(example);
  for (const scope of scopes) freezeByPerson(facts, scope);
  change(facts);
  const cancelled: string[] = [];
  const runs = new Map(Object.keys(OPEN).map((id) => [id, `run-${id}`]));
  const away = { temporal: false };
  const pass = createFrozenPass({
    record: {
      newestFreezes: async () => ({ statements: [...evidenceOf(facts).freezes], unreadable: [] }),
      listActions: async ({ agent }: ActionFilter) =>
        Object.keys(OPEN).filter((id) => runs.has(id) && (agent === undefined || OPEN[id]?.startsWith(`${agent} `))),
      ofActions: async (ids) =>
        ids.map((id) => {
          const operation = OPEN[id]?.split(' ')[1];
          return [{ kind: 'request', body: { operation } }] as unknown as AnyRecorded[];
        }),
    },
    workflows: {
      openRun: async (id) => {
        if (away.temporal) throw new ServiceFault('temporal', 'Away.', true);
        return runs.get(id) ?? null;
      },
      cancel: async (id, runId) => {
        if (id === 'two' && facts.nowMs === 0) throw new Refusal('action_closed', 'It has ended.');
        cancelled.push(runId);
      },
    },
    people: () => example.directory,
  });
  return { pass, cancelled, runs, away, facts };
}

describe('the pass that ends what is frozen', () => {
  test.each<[string, FreezeScope[], string[]]>([
    ['nothing', [], []],
    ['an agent', [{ kind: 'agent', agent: 'export-bot' }], ['run-one', 'run-two']],
    ['an operation', [{ kind: 'operation', operation: 'database.grant' }], ['run-three', 'run-two']],
    ['everything', [{ kind: 'all' }], ['run-one', 'run-three', 'run-two']],
    [
      'an agent and its operation',
      [
        { kind: 'agent', agent: 'export-bot' },
        { kind: 'operation', operation: 'database.export' },
      ],
      ['run-one', 'run-two'],
    ],
  ])('%s: what it covers, once a run', async (_what, scopes, expected) => {
    const { pass, cancelled, runs } = passOver(scopes);
    expect(await pass()).toBe(expected.length);
    expect(await pass()).toBe(0);
    expect(cancelled.sort()).toEqual(expected);
    // A reset makes another run.
    if (expected.includes('run-two')) {
      runs.set('two', 'run-two-again');
      expect(await pass()).toBe(1);
    }
  });

  test('leaves what the executor froze to the people who decide, and what was lifted', async () => {
    const { pass, cancelled } = passOver([], (facts) => {
      freeze(facts);
      const lifted = freezeByPerson(facts, { kind: 'all' });
      liftByPerson(facts, lifted, 'erin');
      liftByPerson(facts, lifted, 'fay');
    });
    expect(await pass()).toBe(0);
    expect(cancelled).toEqual([]);
  });

  test('goes on where it was when Temporal is back, and one that has ended holds up no other', async () => {
    const { pass, cancelled, away, facts } = passOver([{ kind: 'all' }]);
    away.temporal = true;
    await expect(pass()).rejects.toMatchObject({ service: 'temporal' });
    away.temporal = false;
    facts.nowMs = 0;
    expect(await pass()).toBe(2);
    facts.nowMs = 1;
    expect(await pass()).toBe(1);
    expect(cancelled).toHaveLength(3);
  });

  test('called while it is under way, it is made once more', async () => {
    const { pass, facts, cancelled } = passOver([]);
    const first = pass();
    const [second, third] = [pass(), pass()];
    freezeByPerson(facts, { kind: 'all' });
    await Promise.all([first, second, third]);
    expect(cancelled).toHaveLength(3);
  });
});
