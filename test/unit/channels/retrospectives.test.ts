import { describe, expect, test } from 'vitest';
import { createRetrospectives } from '../../../src/channels/retrospectives.js';
import type { SignInProof, StatementBody } from '../../../src/core/schemas/statements.js';
import { NO_DEBTS } from '../../../src/enforcement/debts.js';
import { judge } from '../../../src/enforcement/judge.js';
import { debtOf } from '../../../src/record/debts.js';
import { allOf, type AnyDraft, type AnyRecorded } from '../../../src/record/record.js';
import {
  approve,
  evidenceOf,
  honestFacts,
  lastRound,
  loadPolicy,
  MINUTE_MS,
  OPENED_AT_MS,
  planRound,
  raiseAlarm,
  statementsOf,
  type AnyBody,
  type Facts,
} from '../enforcement/evidence.js';
import { editedBundle, type Edit } from '../policy/bundle-folders.js';

const OFFER: Edit = {
  file: 'database-export.cedar',
  from: '@remind("5m")\n',
  to: '@remind("5m")\n@breakglass("security:2, 2m, 24h")\n',
};
const WEB_ONLY: Edit = { ...OFFER, to: `${OFFER.to}@assurance("web")\n` };
const BREAKS: Partial<StatementBody<'decision'>> = {
  breakGlass: true,
  reason: 'The shop is down, and no DBA picks up.',
};
const NOW_MS = OPENED_AT_MS + 60 * MINUTE_MS;

const directory = (from: string, to: string): Edit => ({ file: 'directory.yaml', from, to });

/** The glass is broken by these, a minute before it is claimed. */
async function broken(people: string[], ...edits: Edit[]): Promise<Facts> {
  const offer = edits.some(({ file }) => file === OFFER.file) ? [] : [OFFER];
  const facts = honestFacts(await loadPolicy(await editedBundle([...offer, ...edits])));
  facts.rounds = [planRound(facts.policy, facts.request, 1)];
  for (const person of people) approve(facts, person, BREAKS);
  return facts;
}

/** Retrospectives over a record in memory, which keeps what has a key once, as the real one does. */
function looking(facts: Facts, by: string[]) {
  const { actionDigest } = lastRound(facts).plan;
  const breakGlass = { by, dueAtMs: OPENED_AT_MS + 86_400_000 };
  const body = { actionDigest, step: 'execute', attempt: 1, runId: facts.runId, approvers: by, breakGlass };
  const claim: AnyBody = { kind: 'claim', body: { ...body, claimedAtMs: OPENED_AT_MS + 2 * MINUTE_MS } };
  const recorded: AnyRecorded[] = [...statementsOf(facts, [claim])];
  const append = async (drafts: readonly AnyDraft[]): Promise<AnyRecorded[]> =>
    drafts.map((draft) => {
      const known = recorded.find(({ kind, key }) => kind === draft.kind && key === draft.key);
      if (known !== undefined) return known;
      const last = statementsOf(facts, [{ kind: draft.kind, body: draft.body } as AnyBody]).at(-1) as AnyRecorded;
      const made = { ...last, key: draft.key ?? null, sequence: recorded.length + 1 };
      recorded.push(made);
      return made;
    });
  const retrospectives = createRetrospectives({
    policy: () => facts.policy,
    record: {
      ofAction: async () => [...recorded],
      ofActions: async (ids: readonly string[]) => ids.map(() => [...recorded]),
      debts: async () => {
        const debt = debtOf(recorded);
        return { debts: debt === null || debt.open.length === 0 ? [] : [debt], unreadable: [], gap: null };
      },
      alarms: async () => [...evidenceOf(facts).alarms],
      append,
    },
    refusals: { put: async () => undefined },
    assurance: facts.assurance,
    wake: async () => undefined,
    clock: () => NOW_MS,
    onInternal: () => undefined,
  });
  const review = (
    id: string,
    { verdict = 'justified', signIn }: { verdict?: 'justified' | 'unjustified'; signIn?: SignInProof } = {},
  ) => {
    const person = facts.policy.directory.person(id);
    if (person === undefined) throw new Error(`there is no ${id}`);
    return retrospectives.review({
      ...{ actionId: facts.actionId, verdict, reason: 'I looked.', person, via: { channel: 'web', subject: id } },
      ...(signIn !== undefined && { signIn }),
    });
  };
  return { recorded, review, list: () => retrospectives.list() };
}

describe('the review of a broken glass', () => {
  test('is given by a DBA, and by none of those who broke it', async () => {
    const facts = await broken(['erin', 'fay'], directory('dba: [ben, carol', 'dba: [ben, carol, erin'));
    const { review, list } = looking(facts, ['erin', 'fay']);
    expect((await list()).debts[0]?.mayReview).toEqual(['ben', 'carol']);
    await expect(review('erin')).rejects.toMatchObject({ code: 'self_approval' });
    await expect(review('olivia-admin')).rejects.toMatchObject({ code: 'self_approval' });
    await expect(review('gus')).rejects.toMatchObject({ code: 'not_an_approver' });
    expect((await review('ben')).open).toEqual([]);
  });

  // ben is away, and gave his places to gus, who broke the glass in his place; the executor took it after ben was back.
  test.each([
    ['though they were back when it was claimed', 1.5],
    ['who is away still', 90],
  ])('is not given by whom a breaker spoke for, %s', async (_, backAfterMinutes) => {
    const at = (minutes: number): string => new Date(OPENED_AT_MS + minutes * MINUTE_MS).toISOString();
    const away = `delegations:\n  - { from: ben, to: gus, groups: [security], begins: '${at(-60)}', ends: '${at(backAfterMinutes)}' }\n`;
    const facts = await broken(
      ['erin', 'gus'],
      directory('security: [erin, fay]', 'security: [erin, fay, ben]'),
      directory('\n# Groups hold', `\n${away}\n# Groups hold`),
    );
    const { brokenBy } = await judge({ ...evidenceOf(facts), debts: NO_DEBTS });
    expect(brokenBy).toEqual(['erin', 'gus']);
    const { review, list } = looking(facts, brokenBy ?? []);
    expect((await list()).debts[0]?.mayReview).toEqual(['carol']);
    await expect(review('ben')).rejects.toMatchObject({ code: 'self_approval' });
  });

  test('is given by whom lets work go on, but for those who broke it, where all other reviewers are barred', async () => {
    const facts = await broken(
      ['erin', 'fay'],
      // olivia owns the agent, paul prompts it.
      directory('dba: [ben, carol, olivia-admin]', 'dba: [olivia-admin, paul]'),
      directory('data-owner: [carol]', 'data-owner: [carol, ben]'),
    );
    const { review, list } = looking(facts, ['erin', 'fay']);
    expect((await list()).debts[0]?.mayReview).toEqual(['dave']);
    await expect(review('ben')).rejects.toMatchObject({ code: 'not_an_approver' });
    expect((await review('dave')).open).toEqual([]);
  });

  test('needs a sign-in as fresh as the plan demands', async () => {
    const facts = await broken(['erin', 'fay'], WEB_ONLY);
    const { review } = looking(facts, ['erin', 'fay']);
    const signIn = { authTimeMs: NOW_MS - 10 * MINUTE_MS, acr: null };
    await expect(review('ben', { signIn })).rejects.toMatchObject({ code: 'assurance_required' });
    expect((await review('ben', { signIn: { ...signIn, authTimeMs: NOW_MS } })).open).toEqual([]);
  });

  test('waits while an alarm stands', async () => {
    const facts = await broken(['erin', 'fay']);
    const { review } = looking(facts, ['erin', 'fay']);
    raiseAlarm(facts);
    await expect(review('ben')).rejects.toMatchObject({ code: 'alarm_stands' });
  });
});

describe('two words of one person', () => {
  test('at once leave one verdict, and an incident only for that', async () => {
    const facts = await broken(['erin', 'fay']);
    const { review, recorded } = looking(facts, ['erin', 'fay']);
    const answers = await Promise.allSettled([review('ben'), review('ben', { verdict: 'unjustified' })]);
    const verdicts = allOf(recorded, 'retrospective').map(({ body }) => body.verdict);
    expect(verdicts).toEqual(['justified']);
    expect(allOf(recorded, 'incident')).toEqual([]);
    expect(answers).toMatchObject([{ status: 'fulfilled' }, { reason: { code: 'already_reviewed' } }]);
  });

  test('of which the first was cut off before its incident was on record: the same again opens it', async () => {
    const facts = await broken(['erin', 'fay']);
    const { review, recorded } = looking(facts, ['erin', 'fay']);
    await review('ben', { verdict: 'unjustified' });
    const opened = recorded.pop();
    expect(opened?.kind).toBe('incident');
    await review('ben', { verdict: 'unjustified' });
    await review('ben', { verdict: 'unjustified' });
    expect(allOf(recorded, 'incident')).toMatchObject([{ body: { code: 'break_glass_unjustified' } }]);
  });
});
