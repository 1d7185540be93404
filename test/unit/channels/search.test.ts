import { beforeEach, describe, expect, it } from 'vitest';
import { findActions } from '../../../src/channels/api/search.js';
import type { AnyRecorded, Record as ActionRecord } from '../../../src/record/record.js';
import { Refusal } from '../../../src/core/errors.js';
import { sha256Hex } from '../../../src/core/json.js';

const COUNT = 1_200;
const idOf = (number: number): string => `01K9ZZZZZZ0000000000${String(number).padStart(6, '0')}`;

let read: number;

/** Actions 0 (oldest) to 1,199; every hundredth is by another agent. */
const record: Pick<ActionRecord, 'listActions' | 'ofActions'> = {
  listActions: async ({ limit, before }) => {
    const ids = Array.from({ length: COUNT }, (_, index) => idOf(COUNT - 1 - index));
    return ids.filter((id) => before === undefined || id < before).slice(0, limit);
  },
  ofActions: async (ids) => {
    read += ids.length;
    return ids.map((id) => (id === idOf(5) ? new Refusal('statement_invalid', 'tampered') : [request(id)]));
  },
};

function request(actionId: string): AnyRecorded {
  const number = Number(actionId.slice(-6));
  const agent = number % 100 === 0 ? 'rare-bot' : 'export-bot';
  const body = {
    actionId,
    agent,
    operation: 'database.export',
    params: {},
    reason: 'Monthly report',
    requestedAtMs: 1,
    expiresAtMs: 2,
  };
  return {
    kind: 'request',
    actionId,
    body,
    digest: sha256Hex(actionId),
    statement: { subject: [{ digest: { sha256: sha256Hex(actionId) } }] },
    envelope: { signatures: [{ keyid: 'agent/x' }] },
    recordedAtMs: 1,
  } as unknown as AnyRecorded;
}

beforeEach(() => {
  read = 0;
});

describe('the list of actions', () => {
  it('reads one page when nothing is sought', async () => {
    const page = await findActions(record, { limit: 50 }, undefined);
    expect([page.actions.length, page.next, read]).toEqual([50, idOf(COUNT - 50), 50]);
  });

  it('finds words in any order, page by page, and looks at 500 actions a page at most', async () => {
    const found: string[] = [];
    let before: string | undefined;
    let unreadable: string[] = [];
    for (let pages = 0; pages < 10; pages += 1) {
      read = 0;
      const page = await findActions(record, { limit: 50, ...(before && { before }) }, ' REPORT  rare-bot');
      expect(read).toBeLessThanOrEqual(500);
      found.push(...page.actions.map(({ actionId }) => actionId));
      unreadable = [...unreadable, ...page.unreadable];
      if (page.next === null) break;
      before = page.next;
    }
    expect(found).toEqual(Array.from({ length: 12 }, (_, index) => idOf(1_100 - index * 100)));
    // Told whatever is sought.
    expect(unreadable).toEqual([idOf(5)]);
  });

  it('stops at its limit, and goes on right behind', async () => {
    const first = await findActions(record, { limit: 2 }, 'rare-bot');
    expect([first.actions.map(({ actionId }) => actionId), first.next]).toEqual([
      [idOf(1_100), idOf(1_000)],
      idOf(1_000),
    ]);
  });

  it('holds nothing when no action is like that', async () => {
    let before: string | null = null;
    let actions = 0;
    do {
      const page = await findActions(record, { limit: 100, ...(before && { before }) }, 'nowhere');
      actions += page.actions.length;
      before = page.next;
    } while (before !== null);
    expect(actions).toBe(0);
  });
});
