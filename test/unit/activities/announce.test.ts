import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, test } from 'vitest';
import { createAnnounceActivities, tellChannels, type AnnounceDependencies } from '../../../activities/announce.js';
import type { AnnouncementEvent, CountedDecision } from '../../../src/contracts/activities.js';
import type { Channel } from '../../../src/channels/channel.js';
import { payloadDigest } from '../../../src/core/dsse.js';
import { digestOf } from '../../../src/core/json.js';
import type { StatementBody } from '../../../src/core/schemas/statements.js';
import type { Record as ActionRecord } from '../../../src/record/record.js';
import {
  approve,
  honestFacts,
  lastRound,
  loadPolicy,
  MINUTE_MS,
  OPENED_AT_MS,
  planRound,
  statementsOf,
  type AnyBody,
} from '../enforcement/evidence.js';
import { makeKey, sealStatement } from '../../support/signing.js';
import { editedBundle } from '../policy/bundle-folders.js';

const policy = await loadPolicy(
  await editedBundle([
    {
      file: 'database-export.cedar',
      from: '@remind("5m")\n',
      to: '@remind("5m")\n@breakglass("security:2, 2m, 24h")\n',
    },
  ]),
);
const BREAKS: Partial<StatementBody<'decision'>> = {
  breakGlass: true,
  reason: 'The shop is down, and no DBA picks up.',
};

const DUE_AT_MS = OPENED_AT_MS + 86_400_000;

/** Whoever may poll or start anything in the namespace can ask the queue for any announcement. */
async function told(
  event: AnnouncementEvent,
  breakers: string[],
  more: AnyBody[] = [],
  nowMs = OPENED_AT_MS + 3 * MINUTE_MS,
): Promise<string[]> {
  const facts = honestFacts(policy);
  facts.rounds = [planRound(policy, facts.request, 1)];
  for (const person of breakers) approve(facts, person, BREAKS);
  const statements = statementsOf(facts, more);
  const heard: string[] = [];
  const channel = { name: 'ear', announce: async (what: string) => void heard.push(what) } as unknown as Channel;
  const record = { ofAction: async () => statements } as unknown as ActionRecord;
  await tellChannels(
    { record, channels: [channel], clock: () => nowMs },
    { actionId: facts.actionId, event, number: 0 },
  );
  return heard;
}

function claim(): AnyBody {
  const facts = honestFacts(policy);
  facts.rounds = [planRound(policy, facts.request, 1)];
  return {
    kind: 'claim',
    body: {
      ...{ actionDigest: lastRound(facts).plan.actionDigest, step: 'execute', attempt: 1, runId: facts.runId },
      approvers: ['erin', 'fay'],
      breakGlass: { by: ['erin', 'fay'], dueAtMs: DUE_AT_MS },
      claimedAtMs: OPENED_AT_MS + 2 * MINUTE_MS,
    },
  };
}

describe('what is told of broken glasses', () => {
  test('is told where it was broken, and is owed', async () => {
    expect(await told('glass_broken', ['erin', 'fay'])).toEqual(['glass_broken']);
    expect(await told('debt_reminded', ['erin', 'fay'], [claim()])).toEqual(['debt_reminded']);
    expect(await told('debt_overdue', ['erin', 'fay'], [claim()], DUE_AT_MS)).toEqual(['debt_overdue']);
  });

  test.each<[AnnouncementEvent, string, string[], AnyBody[]]>([
    ['glass_broken', 'nobody broke it', [], []],
    ['glass_broken', 'one person would', ['erin'], []],
    ['debt_overdue', 'nothing is owed', [], []],
    ['debt_overdue', 'it is not due yet', ['erin', 'fay'], [claim()]],
    ['debt_paid', 'it was not paid', ['erin', 'fay'], [claim()]],
    ['debt_paid', 'nothing was owed', [], []],
  ])('is what the record says: not %s where %s', async (event, _, breakers, more) => {
    expect(await told(event, breakers, more)).toEqual([]);
  });
});

// The workflow counts for the glass only what it is told has the mark.
test.each([
  ['that breaks the glass', BREAKS, { breakGlass: true }],
  ['that does not', {}, {}],
])('a signalled approval %s is handed on as such', async (_, change, marked) => {
  const facts = honestFacts(policy);
  facts.rounds = [planRound(policy, facts.request, 1)];
  approve(facts, 'erin', change);
  const key = makeKey('decision/1');
  const body = lastRound(facts).decisions[0];
  if (body === undefined) throw new Error('nobody approved');
  const envelope = await sealStatement('decision', facts.actionId, digestOf(facts.request), body, key);
  const { verifyHint } = createAnnounceActivities({
    record: { ofAction: async () => [{ digest: payloadDigest(envelope) }] },
    channels: [],
    keyring: () => ({ keys: [{ ...key.publicKey, purpose: 'decision' }] }),
    clock: () => OPENED_AT_MS,
    onInternal: () => undefined,
  } as unknown as AnnounceDependencies);
  const environment = new MockActivityEnvironment({
    workflowExecution: { workflowId: facts.actionId, runId: facts.runId },
  });
  const hint = { actionId: facts.actionId, actionDigest: lastRound(facts).plan.actionDigest, envelope };
  const counted: CountedDecision | null = await environment.run(verifyHint, hint);
  const { person, reason } = body.approver.person === counted?.person ? counted : { person: null, reason: null };
  expect({ person, reason, ...(counted?.breakGlass === true && { breakGlass: true }) }).toEqual({
    ...{ person: 'erin', reason: body.reason },
    ...marked,
  });
});
