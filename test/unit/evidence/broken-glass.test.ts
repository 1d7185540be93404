import { beforeAll, describe, expect, it } from 'vitest';
import { encodeEvidence } from '../../../src/evidence/format.js';
import { timelineOf } from '../../../src/evidence/timeline.js';
import { createEvidenceVerifier } from '../../../src/evidence/verify-bundle.js';
import { operations } from '../../../src/operations/catalog.gen.js';
import { makeEvidence, openYard, type SigningYard } from '../../support/evidence.js';
import { approve, type Facts } from '../enforcement/evidence.js';
import { editedBundle } from '../policy/bundle-folders.js';

let yard: SigningYard;
beforeAll(async () => {
  const to = '@remind("5m")\n@breakglass("security:2, 2m, 24h")\n';
  yard = await openYard(await editedBundle([{ file: 'database-export.cedar', from: '@remind("5m")\n', to }]));
}, 60_000);

/** Nobody of dba approved; these of security broke the glass. */
const brokenBy =
  (...people: string[]) =>
  (facts: Facts): void => {
    facts.rounds[0].decisions = [];
    for (const person of people)
      approve(facts, person, { breakGlass: true, reason: 'The shop is down, no DBA there.' });
  };

type Glass = Parameters<typeof makeEvidence>[2];
const JUSTIFIED = { person: 'ben', groups: ['dba'], verdict: 'justified' as const };
const BOTH = ['erin', 'fay'];

async function verified(people: string[], glass: Glass) {
  const { evidence } = await makeEvidence(yard, brokenBy(...people), glass);
  const verify = createEvidenceVerifier({ root: yard.root.publicKey.publicKey, operations });
  const { verdict, opened } = await verify(encodeEvidence(evidence));
  const told = timelineOf(opened?.recorded ?? []).map(({ who, what, why }) => `${who} ${what} ${why}`);
  return {
    ...verdict,
    told: told.join('\n'),
    said: verdict.checks.map(({ what }) => what).join('\n'),
    faults: verdict.checks.flatMap(({ ok, what }) => (ok ? [] : [what])).join('\n'),
  };
}

describe('evidence of a broken glass', () => {
  it('holds, says who broke it, and what was found of that after the end', async () => {
    const { faults, said, told, notProven } = await verified(BOTH, { by: BOTH, found: [JUSTIFIED] });
    expect(faults).toBe('');
    for (const words of [
      'It ran because erin and fay broke the glass, as its plan lets them',
      'it had the right to run: erin, fay broke the glass, none of them barred',
      'Of the broken glass its statements say: ben, for dba, found it justified',
      '13 of 13 statements are proven to be in the ledger, in this order',
    ])
      expect(said).toContain(words);
    for (const words of [
      'asks, in round 1: dba:1; or, to break the glass, security:2',
      'fay breaks the glass, through api The shop is down',
      'takes it only because erin and fay broke the glass; a review of that is due by',
      'ben reviews the broken glass, for dba: it was justified It was justified.',
    ])
      expect(told).toContain(words);
    expect(notProven.join('\n')).not.toContain('glass');
  });

  it('holds before that, and says what is not proven', async () => {
    const { ok, said, notProven } = await verified(BOTH, { by: BOTH, found: [] });
    expect(ok).toBe(true);
    expect(said).toMatch(/Of the broken glass its statements say: nobody has reviewed it for dba, which was due by 2/);
    expect(notProven.join('\n')).toContain('That breaking the glass was justified: for dba nobody has said so here.');
  });

  it.each<[string, string[], Glass, string]>([
    ['one person broke it', ['erin'], { by: BOTH, found: [] }, 'by people of whom no decision here says so'],
    [
      'the executor names somebody who did not',
      BOTH,
      { by: ['erin', 'zoe'], found: [] },
      'by people of whom no decision here says so',
    ],
    ['the executor does not say that it was broken', BOTH, { by: [], found: [] }, 'It ran, and its plan was filled'],
    [
      'one who broke it found it justified',
      BOTH,
      { by: BOTH, found: [{ ...JUSTIFIED, person: 'erin' }] },
      'erin reviewed a broken glass without a say in it',
    ],
  ])('does not hold when %s', async (_what, people, glass, fault) => {
    expect((await verified(people, glass)).faults).toContain(fault);
  });
});
