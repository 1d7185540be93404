import { TestWorkflowEnvironment } from '@temporalio/testing';
import { readDevstackEnvironment } from '../../apps/devstack/environment.js';
import { locateTemporalTestServer } from '../../apps/devstack/services/executables.js';
import { SEARCH_ATTRIBUTES } from '../../src/contracts/search-attributes.js';
import './quiet-workers.js';

/** Temporal with skipped time: weeks of review pass in milliseconds. */
export async function startTimeSkipping(): Promise<TestWorkflowEnvironment> {
  const path = locateTemporalTestServer(readDevstackEnvironment());
  const environment = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path } },
  });
  await environment.connection.operatorService.addSearchAttributes({
    namespace: environment.namespace ?? 'default',
    // 2: KEYWORD in temporal.api.enums.v1.IndexedValueType
    searchAttributes: Object.fromEntries(Object.values(SEARCH_ATTRIBUTES).map(({ name }) => [name, 2])),
  });
  return environment;
}
