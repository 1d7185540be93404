import { setTimeout as delay } from 'node:timers/promises';
import { Connection, isGrpcServiceError } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { SEARCH_ATTRIBUTES } from '../../src/contracts/search-attributes.js';

// Histories of closed actions are kept this long; the record keeps what counts for ever.
const RETENTION = '30 days';
const READY_WITHIN_MS = 60_000;
const ASK_AGAIN_MS = 500;
// gRPC's ALREADY_EXISTS, and KEYWORD of temporal.api.enums.v1.IndexedValueType.
const ALREADY_EXISTS = '6';
const KEYWORD = 2;

/** Makes the namespace and registers the eight search attributes in it, as far as they are missing. */
export async function prepareNamespace(address: string, namespace: string): Promise<void> {
  const connection = await Connection.connect({ address, connectTimeout: READY_WITHIN_MS });
  try {
    await register(connection, namespace);
    const deadlineMs = Date.now() + READY_WITHIN_MS;
    for (;;) {
      try {
        await addSearchAttributes(connection, namespace);
        return;
      } catch (error) {
        // A new namespace reaches the server's caches a moment after it is made.
        if (Date.now() > deadlineMs || !isGrpcServiceError(error)) throw error;
        await delay(ASK_AGAIN_MS);
      }
    }
  } finally {
    await connection.close();
  }
}

async function register({ workflowService }: Connection, namespace: string): Promise<void> {
  try {
    await workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod: msToTs(RETENTION) });
  } catch (error) {
    if (!isGrpcServiceError(error) || String(error.code) !== ALREADY_EXISTS) throw error;
  }
}

async function addSearchAttributes({ operatorService }: Connection, namespace: string): Promise<void> {
  const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
  const missing = Object.values(SEARCH_ATTRIBUTES).filter(({ name }) => !(name in customAttributes));
  if (missing.length === 0) return;
  const searchAttributes = Object.fromEntries(missing.map(({ name }) => [name, KEYWORD]));
  await operatorService.addSearchAttributes({ namespace, searchAttributes });
}
