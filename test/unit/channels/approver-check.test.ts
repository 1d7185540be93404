import { describe, expect, it } from 'vitest';
import { checkApprover } from '../../../src/channels/approver-check.js';
import type { DecisionView } from '../../../src/record/action-view.js';
import { twoDbas } from '../enforcement/delegation-attacks.js';
import { honestFacts, loadPolicy, MINUTE_MS, OPENED_AT_MS, planRound } from '../enforcement/evidence.js';
import { editedBundle, EXAMPLE, type Edit } from '../policy/bundle-folders.js';
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

const OFFER: Edit = {
  file: 'database-export.cedar',
  from: '@remind("5m")\n',
  to: '@remind("5m")\n@breakglass("security:2, 2m, 24h")\n',
};
const directory = (from: string, to: string): Edit => ({ file: 'directory.yaml', from, to });

/** Whether a person may break the glass, 1.8 minutes after opening. */
async function mayBreak(person: string, decided: DecisionView[], ...edits: Edit[]): Promise<string[]> {
  const policy = await loadPolicy(await editedBundle([OFFER, ...edits]));
  const { plan } = planRound(policy, honestFacts(policy).request, 1);
  const waiting = waitingView({ plan: plan.plan, decisions: decided, barred: plan.barred });
  const view = { ...waiting, request: { ...waiting.request, agent: 'export-bot' } };
  return checkApprover(
    { view, person, decision: 'approve', breakGlass: true },
    { policy: () => policy, clock: () => at(1.8) },
  );
}

describe('breaking the glass', () => {
  it('is open to whom an ordinary approval was given for: that breaks none', async () => {
    const [begins, ends] = [-60, 1.5].map((minute) => new Date(at(minute)).toISOString());
    const away = `delegations:\n  - { from: ben, to: gus, groups: [dba], begins: '${begins ?? ''}', ends: '${ends ?? ''}' }\n`;
    const edits = [
      directory('\n# Groups hold', `\n${away}\n# Groups hold`),
      directory('security: [erin, fay]', 'security: [erin, fay, ben]'),
    ];
    expect(await mayBreak('ben', [approved('gus', 1)], ...edits)).toContain('security');
  });

  const BARRED_FALLBACK = directory('incident-lead: [dave, erin, fay]', 'incident-lead: [olivia, paul]');
  const edits = (dbas: string): Edit[] => [
    BARRED_FALLBACK,
    directory('dba: [ben, carol, olivia-admin]', `dba: [${dbas}]`),
    directory('data-owner: [carol]', 'data-owner: [carol, ben]'),
    { file: 'database-export.cedar', from: '@review("dba:1")\n@escalate("10m', to: '@review("dba:2")\n@escalate("10m' },
  ];

  it('is refused where all who could review it are barred, or would have broken it', async () => {
    const unreviewable = { code: 'glass_unreviewable' };
    await expect(mayBreak('erin', [], ...edits('olivia-admin, paul'))).rejects.toMatchObject(unreviewable);
    await expect(mayBreak('erin', [], ...edits('erin, paul'))).rejects.toMatchObject(unreviewable);
  });

  it('is refused to the last reviewer, where the other broke it', async () => {
    const broke: DecisionView = { ...approved('fay', 1), breakGlass: true };
    expect(await mayBreak('erin', [], ...edits('erin, fay, paul'))).toContain('security');
    await expect(mayBreak('erin', [broke], ...edits('erin, fay, paul'))).rejects.toMatchObject({
      code: 'glass_unreviewable',
    });
  });
});

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
