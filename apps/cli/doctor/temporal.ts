import { Connection } from '@temporalio/client';
import { TASK_QUEUES } from '../../../src/contracts/activities.js';
import { SEARCH_ATTRIBUTE_TYPES } from '../../../src/contracts/search-attributes.js';
import { failed, ok, reasonOf, skipped, unreachable, type Finding } from './finding.js';

const TIMEOUT_MS = 10_000;
// TASK_QUEUE_TYPE_ACTIVITY: all three processes run activities.
const ACTIVITY_QUEUE = 2;

/** Namespace, search attributes, and whether each of our processes polls its queue. */
export async function checkTemporal(address: string | undefined, namespace: string): Promise<Finding[]> {
  if (address === undefined) return [skipped('Temporal', 'COUNTERSIGN_TEMPORAL_ADDRESS')];
  let connection: Connection;
  try {
    connection = await Connection.connect({ address, connectTimeout: TIMEOUT_MS });
  } catch (error) {
    const advice = 'Start it, or mend COUNTERSIGN_TEMPORAL_ADDRESS.';
    return [unreachable('Temporal', `${address} cannot be reached (${reasonOf(error)})`, advice)];
  }
  try {
    return await connection.withDeadline(Date.now() + TIMEOUT_MS, async () => [
      await checkNamespace(connection, namespace),
      await checkSearchAttributes(connection, namespace),
      ...(await checkQueues(connection, namespace)),
    ]);
  } catch (error) {
    return [unreachable('Temporal', `${address} stopped answering (${reasonOf(error)})`, 'See its log.')];
  } finally {
    await connection.close();
  }
}

async function checkNamespace(connection: Connection, namespace: string): Promise<Finding> {
  const what = 'Temporal: namespace';
  try {
    await connection.workflowService.describeNamespace({ namespace });
    return ok(what, `${namespace} is there`);
  } catch (error) {
    const advice = `Create it: temporal operator namespace create --namespace ${namespace}; or mend COUNTERSIGN_TEMPORAL_NAMESPACE.`;
    return failed(what, `${namespace} cannot be described (${detailsOf(error)})`, advice);
  }
}

async function checkSearchAttributes(connection: Connection, namespace: string): Promise<Finding> {
  const what = 'Temporal: search attributes';
  const wanted = Object.entries(SEARCH_ATTRIBUTE_TYPES);
  try {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    const missing = wanted.filter(([name]) => !Object.hasOwn(customAttributes, name));
    if (missing.length === 0) return ok(what, `all ${String(wanted.length)} are there`);
    const options = missing.map(([name, type]) => `--name ${name} --type ${type}`).join(' ');
    const advice = `Add them: temporal operator search-attribute create --namespace ${namespace} ${options}`;
    return failed(what, `missing: ${missing.map(([name]) => name).join(', ')}`, advice);
  } catch (error) {
    return failed(what, `cannot be listed (${detailsOf(error)})`, 'Check the namespace and the rights of this client.');
  }
}

async function checkQueues(connection: Connection, namespace: string): Promise<Finding[]> {
  return Promise.all(
    Object.entries(TASK_QUEUES).map(async ([process, name]) => {
      const what = `Temporal: ${process}`;
      try {
        const { pollers } = await connection.workflowService.describeTaskQueue({
          namespace,
          taskQueue: { name },
          // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- its enum is in a package that is not ours to import
          taskQueueType: ACTIVITY_QUEUE,
        });
        if (pollers.length > 0) return ok(what, `${String(pollers.length)} on queue ${name}`);
        return failed(what, `nobody polls queue ${name}`, `Start the ${process}; see its log if it is running.`);
      } catch (error) {
        return failed(what, `queue ${name} cannot be described (${detailsOf(error)})`, 'Check the namespace.');
      }
    }),
  );
}

function detailsOf(error: unknown): string {
  if (error instanceof Error && 'details' in error && typeof error.details === 'string') return error.details;
  return reasonOf(error);
}
