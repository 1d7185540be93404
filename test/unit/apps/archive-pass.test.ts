import type { Client } from '@temporalio/client';
import { expect, it } from 'vitest';
import { createArchivePass } from '../../../apps/notary/archive.js';

it('actions that cannot be archived, however many, keep no other from it, and are told of once', async () => {
  const bad = 450;
  const all = Array.from({ length: bad + 30 }, (_, at) => ({ actionId: `A${String(at)}`, sequence: at + 1 }));
  const archived = new Set<string>();
  const errors: unknown[] = [];
  const closed = { status: { name: 'COMPLETED' }, runId: 'r', startTime: new Date(0) };
  const none = async function* () {};
  const client = {
    options: { namespace: 'default' },
    workflow: {
      list: none,
      getHandle: () => ({ describe: async () => closed, fetchHistory: async () => ({ events: [] }) }),
    },
  } as unknown as Client;
  const pass = createArchivePass({
    client,
    codec: { decode: async (payloads) => payloads },
    archived: {
      actionsWithout: async (after, limit) =>
        all.filter(({ actionId, sequence }) => sequence > after && !archived.has(actionId)).slice(0, limit),
    },
    archivist: {
      keepPolicyInForce: async () => 'digest',
      archive: async (actionId) => {
        if (Number(actionId.slice(1)) < bad) throw new Error(`${actionId} does not verify`);
        archived.add(actionId);
      },
    },
    onInternal: (error) => errors.push(error),
  });
  for (let round = 0; round < 7; round += 1) await pass();
  expect(archived.size).toBe(30);
  expect(errors).toHaveLength(bad);
});
