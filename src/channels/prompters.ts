import { Refusal } from '../core/errors.js';
import type { StatementBody } from '../core/schemas/statements.js';
import type { Directory, Person } from '../directory/directory.js';
import { allOf, type AnyRecorded, type Record as ActionRecord } from '../record/record.js';
import type { SentTokens } from './submission.js';

/** Reads a person's token, as one of somebody who prompts agents: it lets nobody decide. */
export type ReadPrompter = (token: string) => Promise<Person>;

export type Provenance = StatementBody<'provenance'>;

/**
 * Proves on whose behalf an agent asks. The tokens go no further than this.
 * @returns null when no token came.
 * @throws Refusal naming the token by its place when it does not hold, or its person is not listed as able to prompt the agent.
 */
export async function verifyPrompters(
  { prompterTokens, schedulerTokens }: SentTokens,
  agent: string,
  { directory, readPrompter, nowMs }: { directory: Directory; readPrompter: ReadPrompter; nowMs: number },
): Promise<Provenance | null> {
  if (prompterTokens.length + schedulerTokens.length === 0) return null;
  const prove = async (tokens: readonly string[], field: string): Promise<string[]> => {
    const people = await Promise.all(
      tokens.map((token, index) => proveOne(token, agent, `${field}.${String(index)}`, { directory, readPrompter })),
    );
    return [...new Set(people)].sort();
  };
  return {
    prompters: await prove(prompterTokens, 'prompterTokens'),
    schedulers: await prove(schedulerTokens, 'schedulerTokens'),
    verifiedAtMs: nowMs,
  };
}

async function proveOne(
  token: string,
  agent: string,
  field: string,
  { directory, readPrompter }: { directory: Directory; readPrompter: ReadPrompter },
): Promise<string> {
  try {
    const person = await readPrompter(token);
    if (directory.mayPrompt(agent, person.id)) return directory.canonical(person.id);
  } catch (error) {
    if (error instanceof Refusal) throw new Refusal(error.code, error.message, field);
    throw error;
  }
  throw new Refusal('forbidden', `The directory does not list this person as able to prompt ${agent}.`, field);
}

/**
 * Puts on record who prompted a request: before its workflow starts, once.
 * @param statements what was on record of the action when the request came.
 * @throws Refusal `action_id_spent` when it comes too late, or other people were named before.
 */
export async function recordProvenance(
  provenance: Provenance,
  { actionId, requestDigest }: { actionId: string; requestDigest: string },
  { record, statements }: { record: ActionRecord; statements: readonly AnyRecorded[] },
): Promise<void> {
  const isUnderWay = statements.some(({ kind }) => !['request', 'refusal', 'provenance', 'attachment'].includes(kind));
  if (isUnderWay && allOf(statements, 'provenance').length === 0) {
    throw new Refusal(
      'action_id_spent',
      "The request is being prepared without people's tokens: they count only when they come with it at first.",
      'prompterTokens',
    );
  }
  // The key makes it one for each action: what was stated first stays.
  const [recorded] = await record.append([
    { kind: 'provenance', actionId, requestDigest, body: provenance, key: 'provenance' },
  ]);
  if (recorded?.kind !== 'provenance') throw new Error('recordProvenance: the record answered with something else');
  const { prompters, schedulers } = recorded.body;
  if (prompters.join() === provenance.prompters.join() && schedulers.join() === provenance.schedulers.join()) return;
  throw new Refusal('action_id_spent', "Other people's tokens came with this request before.", 'prompterTokens');
}
