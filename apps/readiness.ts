import type { ConnectionLike } from '@temporalio/client';
import { z } from 'zod';
import type { CommonConfig } from '../src/config/common.js';
import { cedarAnswers } from '../src/policy/cedar.js';
import type { Runtime } from './runtime.js';

export const readinessSchema = z.array(z.object({ name: z.string(), ok: z.boolean() }));
/** Of each thing that a process cannot work without, whether it answers. */
export type Readiness = z.infer<typeof readinessSchema>;

const ANSWERS_WITHIN_MS = 2_000;

/** Asks what every process needs. Never throws. */
export async function askReadiness(
  config: CommonConfig,
  { record, vault, signers }: Pick<Runtime, 'record' | 'vault' | 'signers'>,
  temporal: Pick<ConnectionLike, 'withDeadline' | 'workflowService'>,
): Promise<Readiness> {
  const namespace = config.COUNTERSIGN_TEMPORAL_NAMESPACE;
  const [key = ''] = Object.keys(signers);
  const questions: Record<string, () => Promise<unknown>> = {
    record: () => record.listActions({ limit: 1 }),
    vault: () => vault.read(`${config.COUNTERSIGN_VAULT_TRANSIT_MOUNT}/keys/${key}`),
    temporal: () =>
      temporal.withDeadline(Date.now() + ANSWERS_WITHIN_MS, () =>
        temporal.workflowService.describeNamespace({ namespace }),
      ),
    policy: () => (cedarAnswers() ? Promise.resolve() : Promise.reject(new Error('Cedar has broken down'))),
  };
  return Promise.all(
    Object.entries(questions).map(async ([name, ask]) => {
      const ok = await ask().then(
        () => true,
        () => false,
      );
      return { name, ok };
    }),
  );
}
