import { beforeEach, describe, expect, it } from 'vitest';
import type { OpenActions } from '../../../src/channels/open-actions.js';
import type { PersonPrincipal } from '../../../src/channels/api/principals.js';
import { createQueueRevisions, queueOf } from '../../../src/channels/api/queue.js';
import type { Judging } from '../../../src/channels/api/you.js';
import type { Policy } from '../../../src/policy/policy.js';
import type { ActionView } from '../../../src/record/action-view.js';
import { directory, OPENED_AT_MS, waitingView } from '../slack/views.js';

const person = (id: string): PersonPrincipal =>
  ({ kind: 'person', person: directory.person(id), subject: `oidc-${id}`, session: null }) as PersonPrincipal;

/** Looks at so many open actions; each look makes its views anew. */
const look = (count: number, change: (view: ActionView) => ActionView = (view) => view): OpenActions => ({
  views: Array.from({ length: count }, (_, index) =>
    change(waitingView({ actionId: `01K9ZZZZZZ00000000000000${String(index).padStart(2, '0')}` })),
  ),
  unreadable: [],
  truncated: false,
});

const policyOf = (): Policy =>
  ({
    directory,
    mayApprove: () => {
      state.judged += 1;
      return { allowed: true };
    },
  }) as unknown as Policy;

const state = { judged: 0, nowMs: OPENED_AT_MS, policy: null as unknown as Policy };
const judging: Judging = {
  policy: () => state.policy,
  assurance: { maxAgeMs: 300_000, acrValues: [] },
  clock: () => state.nowMs,
};

beforeEach(() => {
  Object.assign(state, { judged: 0, nowMs: OPENED_AT_MS, policy: policyOf() });
});

describe('the name of a person’s queue', () => {
  it('is the one that the queue itself has', () => {
    const open = look(5);
    for (const id of ['ada', 'eve'])
      expect(createQueueRevisions(judging)(open, person(id))).toBe(queueOf(open, person(id), judging).revision);
  });

  it('is made once for each person and look, however many streams they hold', () => {
    const revisionFor = createQueueRevisions(judging);
    const open = look(5);
    for (let stream = 0; stream < 12; stream += 1) revisionFor(open, person('ada'));
    // Bo's second account is Bo.
    for (const id of ['bo', 'bo-admin']) revisionFor(open, person(id));
    expect(state.judged).toBe(10);
  });

  it('is made of what was judged before, but for the actions that changed', () => {
    const revisionFor = createQueueRevisions(judging);
    const before = revisionFor(look(50), person('ada'));
    expect(state.judged).toBe(50);
    expect(revisionFor(look(50), person('ada'))).toBe(before);
    expect(state.judged).toBe(50);
    const { timeline } = waitingView();
    const longer = [...timeline, ...timeline.slice(-1)];
    const changed = look(50, (view) => (view.actionId.endsWith('07') ? { ...view, timeline: longer } : view));
    expect(revisionFor(changed, person('ada'))).not.toBe(before);
    expect(state.judged).toBe(51);
  });

  it.each<[string, () => void]>([
    ['policy is another one', () => Object.assign(state, { policy: policyOf() })],
    ['a minute has passed: somebody may be on call, or away, by now', () => (state.nowMs += 60_000)],
  ])('is judged anew when %s', (_, change) => {
    const revisionFor = createQueueRevisions(judging);
    revisionFor(look(5), person('ada'));
    change();
    revisionFor(look(5), person('ada'));
    expect(state.judged).toBe(10);
  });
});
