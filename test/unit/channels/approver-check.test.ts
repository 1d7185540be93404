import { describe, expect, it } from 'vitest';
import { checkApprover } from '../../../src/channels/approver-check.js';
import type { DecisionView } from '../../../src/record/action-view.js';
import { twoDbas } from '../enforcement/delegation-attacks.js';
import { honestFacts, loadPolicy, MINUTE_MS, OPENED_AT_MS } from '../enforcement/evidence.js';
import { EXAMPLE } from '../policy/bundle-folders.js';
import { planOf, waitingView } from '../slack/views.js';

type Given = Parameters<typeof twoDbas>[1];

const at = (minute: number): number => OPENED_AT_MS + minute * MINUTE_MS;
const example = await loadPolicy(EXAMPLE);

function approved(person: string, minute: number): DecisionView {
  const decision = { decision: 'approve' as const, reason: 'Fine.', channel: 'api', groups: ['dba'], runId: 'run' };
  return { ...decision, person, decidedAtMs: at(minute), current: true };
}

interface Case {
  given: Given;
  decided: DecisionView[];
  person: string;
  decision?: 'approve' | 'deny';
}

/** Whether a person may decide, 1.8 minutes after opening, where two DBAs must. */
async function mayDecide({ given, decided, person, decision = 'approve' }: Case): Promise<string[]> {
  const facts = honestFacts(example);
  await twoDbas(facts, given, []);
  const waiting = waitingView({ plan: planOf({ group: 'dba', quorum: 2 }), decisions: decided, barred: [] });
  const view = { ...waiting, request: { ...waiting.request, agent: 'export-bot' } };
  return checkApprover({ view, person, decision }, { policy: () => facts.policy, clock: () => at(1.8) });
}

describe('one place is one word', () => {
  it.each<[string, Case, string]>([
    [
      'of a stand-in, once the other has approved',
      { given: [{ to: 'erin', span: [1.5, 60] }], decided: [approved('ben', 1)], person: 'erin' },
      'not_an_approver',
    ],
    [
      'of who is back, once the stand-in has approved',
      { given: [{ to: 'erin', span: [-60, 1.5] }], decided: [approved('erin', 1)], person: 'ben' },
      'already_decided',
    ],
  ])('%s', async (_, asked, code) => {
    await expect(mayDecide(asked)).rejects.toMatchObject({ code });
    // Whatever was approved before, who is or was in the group can still stop it.
    expect(await mayDecide({ ...asked, decision: 'deny' })).toContain('dba');
  });

  it.each<[string, Case]>([
    ['a stand-in', { given: [{ to: 'erin', span: [1.5, 60] }], decided: [approved('carol', 1)], person: 'erin' }],
    [
      'a second stand-in, where the first has a place of their own',
      {
        given: [
          { to: 'carol', span: [-60, 1.5] },
          { to: 'erin', span: [1.5, 60] },
        ],
        decided: [approved('carol', 1)],
        person: 'erin',
      },
    ],
    [
      'another, beside a stand-in',
      { given: [{ to: 'erin', span: [-60, 60] }], decided: [approved('erin', 1)], person: 'carol' },
    ],
  ])('%s may approve', async (_, asked) => {
    expect(await mayDecide(asked)).toContain('dba');
  });
});
