/** When the steps of one action happened, in milliseconds since the epoch, by the clock of the one machine that all run on. */
export interface Times {
  /** Just before the agent signed. */
  signedAtMs: number;
  /** The workflow task that took up the preview is complete: people can decide. */
  heldAtMs: number;
  /** Just before the decision was sent. */
  decidedAtMs: number;
  /** The agent's side has the workflow's result. */
  resultAtMs: number;
  /** When each statement was written, in order, by PostgreSQL's clock. */
  statements: { kind: string; atMs: number }[];
}

/** Weight of one finished workflow. */
export interface HistorySize {
  events: number;
  bytes: number;
}

/** What is measured, or what it is measured against: both do the same round, on the same servers. */
export interface Side {
  name: 'countersign' | 'floor';
  /** One action from request to result; resolves with its id. */
  act(): Promise<Act>;
  /** When the statements of these actions were written. */
  statementsOf(actionIds: readonly string[]): Promise<Map<string, Times['statements']>>;
  historySize(actionId: string): Promise<HistorySize>;
}

/** One action's times but for those that only the database knows. */
export type Act = Omit<Times, 'statements'> & { actionId: string };

/** The durations that are compared, in milliseconds. */
export const DURATIONS = {
  'request → held': ({ signedAtMs, heldAtMs }: Times) => heldAtMs - signedAtMs,
  'decision → execution starts': (times: Times) => statementAt(times, 'effect') - times.decidedAtMs,
  'decision → receipt': (times: Times) => statementAt(times, 'receipt') - times.decidedAtMs,
  'whole action': ({ signedAtMs, resultAtMs }: Times) => resultAtMs - signedAtMs,
} as const;

export type DurationName = keyof typeof DURATIONS;

function statementAt({ statements }: Times, kind: string): number {
  const found = statements.find((statement) => statement.kind === kind);
  if (found === undefined) throw new Error(`An action has no ${kind}: it did not run as it should.`);
  return found.atMs;
}
