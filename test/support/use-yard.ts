import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll } from 'vitest';
import { openYard, type Yard } from '../workflow/harness.js';
import { startTimeSkipping } from './workflow-environment.js';

/** A server of its own for a file's tests, and the workers on it: an activity that outlives its workflow may keep a server from skipping time. */
export interface FileYard extends Omit<Yard, 'close'> {
  readonly environment: TestWorkflowEnvironment;
}

/** Registers the hooks that start and stop it. */
export function useYard(): FileYard {
  let started: { environment: TestWorkflowEnvironment; yard: Yard } | undefined;
  beforeAll(async () => {
    const environment = await startTimeSkipping();
    started = { environment, yard: await openYard(environment) };
  });
  afterAll(async () => {
    await started?.yard.close();
    await started?.environment.teardown();
  });
  const here = (): NonNullable<typeof started> => {
    if (started === undefined) throw new Error('the workers are not started yet');
    return started;
  };
  return {
    get environment() {
      return here().environment;
    },
    withAction: (script, test) => here().yard.withAction(script, test),
    withReview: (script, test) => here().yard.withReview(script, test),
  };
}
