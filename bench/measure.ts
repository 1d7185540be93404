import { inLanes } from './lanes.js';
import { DURATIONS, type Act, type DurationName, type Side, type Times } from './sides.js';
import { summarise, type Summary } from './statistics.js';

/** A side's durations and steps at one concurrency. */
export interface Measured {
  durations: Record<DurationName, Summary>;
  /** Median milliseconds since the step before, by place: where the time goes. */
  steps: { step: string; medianMs: number }[];
  /** Actions a second, while as many as asked for were under way. */
  perSecond: number;
  actionIds: string[];
}

export type Pair = Record<Side['name'], Measured>;

interface Collected {
  times: Times[];
  actionIds: string[];
  elapsedMs: number;
}

/**
 * Measures both sides in blocks that alternate.
 * @param perBlock actions of a block, of which `concurrency` are under way at a time.
 * @param mayGoOn asked before each pair of blocks but the first.
 */
export async function measureInTurn(
  sides: readonly Side[],
  { blocks, perBlock, concurrency }: { blocks: number; perBlock: number; concurrency: number },
  mayGoOn: () => boolean,
): Promise<Pair> {
  const collected = new Map<Side, Collected>(
    sides.map((side) => [side, { times: [], actionIds: [], elapsedMs: 0 }] as const),
  );
  for (let block = 0; block < blocks && (block === 0 || mayGoOn()); block += 1) {
    // The order turns with each block, so that being second is nobody's disadvantage.
    for (const side of block % 2 === 0 ? sides : [...sides].reverse()) {
      const into = collected.get(side);
      if (into === undefined) throw new Error('measureInTurn: a side was lost');
      await runBlock(side, perBlock, concurrency, into);
    }
  }
  const entries = [...collected].map(([side, all]) => [side.name, toMeasured(all)] as const);
  return Object.fromEntries(entries) as Pair;
}

async function runBlock(side: Side, count: number, concurrency: number, into: Collected): Promise<void> {
  const acts: Act[] = [];
  const beganAtMs = performance.now();
  await inLanes(concurrency, Array.from({ length: count }), async () => {
    acts.push(await side.act());
  });
  into.elapsedMs += performance.now() - beganAtMs;
  const actionIds = acts.map(({ actionId }) => actionId);
  const statements = await side.statementsOf(actionIds);
  for (const { actionId, ...times } of acts) into.times.push({ ...times, statements: statements.get(actionId) ?? [] });
  into.actionIds.push(...actionIds);
}

function toMeasured({ times, actionIds, elapsedMs }: Collected): Measured {
  const durations = Object.fromEntries(
    Object.entries(DURATIONS).map(([name, duration]) => [name, summarise(times.map(duration))]),
  ) as Measured['durations'];
  return { durations, steps: medianSteps(times), perSecond: (times.length * 1_000) / elapsedMs, actionIds };
}

function medianSteps(times: readonly Times[]): Measured['steps'] {
  const perAction = times.map(stepsOf);
  const [first = []] = perAction;
  return first.map(({ step }) => {
    const found = perAction.map((steps) => steps.find((other) => other.step === step)?.ms);
    return { step, medianMs: summarise(found.filter((ms) => ms !== undefined)).median };
  });
}

/** All moments of an action in the order of time, each as the time since the one before. */
function stepsOf({ signedAtMs, heldAtMs, decidedAtMs, resultAtMs, statements }: Times): { step: string; ms: number }[] {
  const seen = new Map<string, number>();
  const moments = statements.map(({ kind, atMs }) => {
    const place = (seen.get(kind) ?? 0) + 1;
    seen.set(kind, place);
    return { step: place === 1 ? kind : `${kind} ${String(place)}`, atMs };
  });
  moments.push(
    { step: 'held', atMs: heldAtMs },
    { step: 'decision sent', atMs: decidedAtMs },
    { step: 'the agent has it', atMs: resultAtMs },
  );
  moments.sort((one, other) => one.atMs - other.atMs);
  return moments.map(({ step, atMs }, index) => ({ step, ms: atMs - (moments[index - 1]?.atMs ?? signedAtMs) }));
}
