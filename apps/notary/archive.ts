import type { Client, WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';
import type { PayloadCodec } from '@temporalio/common';
import { decodeHistory } from '../../src/codec/decode-history.js';
import { isOpen } from '../../src/contracts/run-status.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import type { Archivist, FetchedHistory } from '../../src/evidence/archive.js';
import type { ArchivedContents } from '../../src/evidence/archived-contents.js';
import { describeRun, runningWorkflows } from './interrupted.js';

// An archive takes a few calls to Temporal, Vault and the record: the rest is done in the next pass.
const MAX_A_PASS = 200;
const IDS_A_QUESTION = 50;

export interface ArchivePassOptions {
  client: Client;
  codec: Pick<PayloadCodec, 'decode'>;
  archived: Pick<ArchivedContents, 'actionsWithout'>;
  archivist: Archivist;
  onInternal: (error: unknown) => void;
}

/**
 * Makes the pass that archives what has ended: after the run has closed, so that the whole history is there, and never in
 * the way of the action.
 * @returns how many were archived.
 */
export function createArchivePass({
  client,
  codec,
  archived,
  archivist,
  onInternal,
}: ArchivePassOptions): () => Promise<number> {
  // All receipts up to here have an archive: they need not be looked through again.
  let done = 0;
  // Where the next pass goes on: actions that cannot be archived, however many, must not keep the others from it.
  let next = 0;
  const told = new Set<string>();
  return async () => {
    const policyInForce = await archivist.keepPolicyInForce();
    const after = Math.max(done, next);
    const found = await archived.actionsWithout(after, MAX_A_PASS);
    const last = found.at(-1);
    next = last === undefined || found.length < MAX_A_PASS ? 0 : last.sequence;
    if (last === undefined) return 0;
    const running = await runningWorkflows(client);
    const over = found.map(({ actionId }) => workflowIdOf(actionId)).filter((id) => !running.has(id));
    const listed = await listRuns(client, over);
    let count = 0;
    let firstLeft: number | null = null;
    for (const { actionId, sequence } of found) {
      try {
        // The list is a moment old, in both directions.
        const ended = running.has(workflowIdOf(actionId)) ? null : await newestIfEnded(client, actionId);
        if (ended !== null) {
          const histories = await fetchHistories(client, codec, { newest: ended, listed });
          await archivist.archive(actionId, { histories, policyInForce });
          count += 1;
        } else firstLeft ??= sequence;
      } catch (error) {
        firstLeft ??= sequence;
        // Tried again at each round; told once.
        if (!told.has(actionId)) onInternal(error);
        told.add(actionId);
      }
    }
    // Only what follows on what is done already: a later round comes back to what this one passed over.
    if (after === done) done = firstLeft === null ? last.sequence : firstLeft - 1;
    return count;
  };
}

type Run = Pick<WorkflowExecutionDescription, 'workflowId' | 'runId' | 'startTime'>;

/** The newest run once it has ended, else null; `none` when Temporal no longer knows any: then there is nothing to wait for. */
async function newestIfEnded(client: Client, actionId: string): Promise<Run | 'none' | null> {
  const newest = await describeRun(client, workflowIdOf(actionId));
  if (newest === 'none') return newest;
  return newest === 'unknown' || isOpen(newest.status.name) ? null : newest;
}

/** All runs under these ids, in few questions: the list is not made for many. */
async function listRuns(client: Client, workflowIds: readonly string[]): Promise<Run[]> {
  const runs: Run[] = [];
  for (let start = 0; start < workflowIds.length; start += IDS_A_QUESTION) {
    // Ids of ours have no quotes in them.
    const ids = workflowIds.slice(start, start + IDS_A_QUESTION).map((id) => `'${id}'`);
    for await (const run of client.workflow.list({ query: `WorkflowId IN (${ids.join()})` })) runs.push(run);
  }
  return runs;
}

/** Of every run under the action's id, oldest first: a reset ends one and begins another. */
async function fetchHistories(
  client: Client,
  codec: Pick<PayloadCodec, 'decode'>,
  { newest, listed }: { newest: Run | 'none'; listed: readonly Run[] },
): Promise<FetchedHistory[]> {
  if (newest === 'none') return [];
  const { workflowId } = newest;
  // The list may not know the newest yet.
  const runs = [...listed.filter((run) => run.workflowId === workflowId), newest];
  const oldestFirst = new Set(runs.sort((one, other) => +one.startTime - +other.startTime).map(({ runId }) => runId));
  const histories: FetchedHistory[] = [];
  for (const runId of oldestFirst) {
    const handle = client.workflow.getHandle(workflowId, runId);
    histories.push(await fetchHistory(handle, codec, { namespace: client.options.namespace, workflowId, runId }));
  }
  return histories;
}

async function fetchHistory(
  handle: WorkflowHandle,
  codec: Pick<PayloadCodec, 'decode'>,
  { namespace, workflowId, runId }: { namespace: string; workflowId: string; runId: string },
): Promise<FetchedHistory> {
  const { history } = await decodeHistory(codec, { namespace, workflowId, history: await handle.fetchHistory() });
  // As protobuf writes it: numbers of 64 bits as texts, bytes in base64, which Temporal's own tools read.
  return { runId, json: JSON.stringify(history), events: history.events?.length ?? 0 };
}
