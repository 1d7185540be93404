import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checks } from '../../../src/enforcement/checks.js';
import type { Evidence } from '../../../src/enforcement/evidence.js';
import { judge, judgeBy } from '../../../src/enforcement/judge.js';
import { editedBundle, EXAMPLE } from '../policy/bundle-folders.js';
import { approveInWeb } from './assurance-attacks.js';
import { standIn, twoDbas } from './delegation-attacks.js';
import {
  approve,
  escalate,
  evidenceOf,
  freeze,
  freezeByPerson,
  liftByPerson,
  honestFacts,
  lastRound,
  loadPolicy,
  MINUTE_MS,
  OPENED_AT_MS,
  planRound,
  promptedBy,
  renameAll,
  unfreeze,
  type Facts,
} from './evidence.js';

const example = await loadPolicy(EXAMPLE);
const directory = await readFile(join(EXAMPLE, 'directory.yaml'), 'utf8');
const withoutKey = await loadPolicy(
  await editedBundle([
    {
      file: 'directory.yaml',
      from: /publicKey: .*$/m.exec(directory)?.[0] ?? '',
      to: 'jwt: { issuer: cluster, subject: export-bot }',
    },
  ]),
);
const benPrompts = await loadPolicy(
  await editedBundle([
    { file: 'directory.yaml', from: 'prompters: [olivia, paul]', to: 'prompters: [olivia, paul, ben]' },
  ]),
);

function factsWith(change: (facts: Facts) => void): Facts {
  const facts = honestFacts(example);
  change(facts);
  return facts;
}

describe('what has a right to run, runs', () => {
  test('an approval by whoever stood in for a DBA then, though the DBA is back by now', async () => {
    const facts = honestFacts(example);
    await standIn(facts, 'ben', 'erin', 'erin', [-60, 1.5]);
    expect((await judge(evidenceOf(facts))).approvers).toEqual(['erin']);
  });

  test('approvals by a stand-in and by another DBA, where two must', async () => {
    const facts = honestFacts(example);
    const given = [{ to: 'erin', span: [-60, 60] as const }];
    await twoDbas(facts, given, [
      ['erin', 1],
      ['carol', 1.5],
    ]);
    expect((await judge(evidenceOf(facts))).approvers).toEqual(['carol', 'erin']);
  });

  test.each<[string, string[], (facts: Facts) => void]>([
    ['an approval by one DBA', ['ben'], () => undefined],
    [
      'an action whose agent was frozen twice, and unfrozen',
      ['ben'],
      (facts) => {
        unfreeze(facts, freeze(facts));
        unfreeze(facts, freeze(facts, { frozenAtMs: OPENED_AT_MS + 2 }));
      },
    ],
    [
      'an action beside a freeze of another agent',
      ['ben'],
      (facts) => {
        freeze(facts, { agent: 'other-bot' });
      },
    ],
    [
      'an action whose agent, operation and all else two people had unfrozen',
      ['ben'],
      (facts) => {
        for (const scope of [
          { kind: 'agent', agent: 'export-bot' },
          { kind: 'operation', operation: 'database.export' },
          { kind: 'all' },
        ] as const) {
          const digest = freezeByPerson(facts, scope);
          liftByPerson(facts, digest, 'erin');
          liftByPerson(facts, digest, 'fay');
        }
      },
    ],
    [
      'an action beside what people froze of others',
      ['ben'],
      (facts) => {
        freezeByPerson(facts, { kind: 'agent', agent: 'other-bot' });
        freezeByPerson(facts, { kind: 'operation', operation: 'infra.apply' });
      },
    ],
    [
      'an approval at the instant the review opened, asked for a millisecond before the expiry',
      ['ben'],
      (facts) => {
        for (const decision of lastRound(facts).decisions) decision.decidedAtMs = OPENED_AT_MS;
        facts.nowMs = facts.rounds[0].plan.snapshot.expiresAtMs - 1;
      },
    ],
    [
      'an automatic action, by nobody',
      [],
      (facts) => {
        facts.request.params = { target: 'orders-staging', query: 'SELECT 1', format: 'csv' };
        facts.rounds = [planRound(facts.policy, facts.request, 1)];
      },
    ],
    [
      'an escalation member once the time has come',
      ['dave'],
      (facts) => {
        lastRound(facts).decisions = [];
        approve(facts, 'dave');
        escalate(facts);
        facts.nowMs = OPENED_AT_MS + 11 * MINUTE_MS;
      },
    ],
    [
      'a second round by its own approval, whatever was decided on what the first one showed',
      ['carol'],
      (facts) => {
        approve(facts, 'carol', { decision: 'deny' });
        facts.rounds.push(planRound(facts.policy, facts.request, 2));
        facts.round = 2;
        lastRound(facts).preview.preview.estimate = { rows: 200 };
        renameAll(facts);
        approve(facts, 'carol');
      },
    ],
    [
      'an action for which the policy in force has come to demand less',
      ['ben', 'carol'],
      (facts) => {
        const { plan } = facts.rounds[0];
        plan.plan = { ...plan.plan, stages: [{ group: 'dba', quorum: 2 }] };
        renameAll(facts);
        approve(facts, 'carol');
      },
    ],
    [
      'somebody who may prompt the agent, when another one is proven to have prompted this action',
      ['ben'],
      (facts) => {
        facts.policy = benPrompts;
        promptedBy(facts, ['paul']);
        lastRound(facts).plan.barred = benPrompts.directory.barredFor('export-bot', {
          prompters: ['paul'],
          schedulers: [],
        });
        renameAll(facts);
      },
    ],
    [
      'what was approved in the full view, where policy demands that, after a sign-in of five minutes ago',
      ['ben'],
      (facts) => {
        approveInWeb(facts, { signIn: { authTimeMs: OPENED_AT_MS - 4 * MINUTE_MS, acr: 'phr' } });
        facts.assurance = { ...facts.assurance, acrValues: ['phr', 'phrh'] };
      },
    ],
    [
      'what the gateway signed for an agent without a key',
      ['ben'],
      (facts) => {
        facts.policy = withoutKey;
        facts.requestKeyId = 'intake/3';
      },
    ],
  ])('%s', async (_, approvers, change) => {
    const judged = await judge(evidenceOf(factsWith(change)));
    expect(judged).toMatchObject({ approvers, operation: { name: 'database.export' } });
    expect(judged.params).toEqual(judged.request.body.params);
  });
});

test('an open action whose agent was removed is refused, and says so', async () => {
  const facts = honestFacts(example);
  facts.policy = await loadPolicy(
    await editedBundle([{ file: 'directory.yaml', from: 'id: export-bot', to: 'id: another-bot' }]),
  );
  await expect(judge(evidenceOf(facts))).rejects.toMatchObject({
    name: 'Refusal',
    code: 'agent_changed',
    message: expect.stringContaining('ask again') as string,
  });
});

describe('what is handed on as approved', () => {
  test('names only people whose approval counted', async () => {
    const facts = factsWith((changed) => {
      approve(changed, 'carol', { actionDigest: 'f'.repeat(64) });
      approve(changed, 'dave', { runId: 'run-before-the-reset' });
      approve(changed, 'erin', { decidedAtMs: OPENED_AT_MS - 1 });
    });
    expect((await judge(evidenceOf(facts))).approvers).toEqual(['ben']);
  });

  test('never counts a denial as an approval, even if denials were not asked for', async () => {
    const facts = factsWith((changed) => {
      lastRound(changed).decisions = [];
      approve(changed, 'ben', { decision: 'deny' });
    });
    const others = checks.filter(({ name }) => name !== 'nobody denied it');
    await expect(judgeBy(others, evidenceOf(facts))).rejects.toMatchObject({ code: 'decisions_missing' });
  });
});

describe('what cannot be laid out is refused before anything is judged', () => {
  const without =
    (kind: string) =>
    (evidence: Evidence): Evidence => ({
      ...evidence,
      statements: evidence.statements.filter((statement) => statement.kind !== kind),
    });

  test.each<[string, string, (evidence: Evidence) => Evidence]>([
    ['no request on record', 'statement_missing', without('request')],
    ['no preview on record', 'statement_missing', without('preview')],
    ['no plan on record', 'statement_missing', without('plan')],
    ['a round that nobody planned', 'statement_missing', (evidence) => ({ ...evidence, round: 2 })],
    ['nothing on record', 'statement_missing', (evidence) => ({ ...evidence, statements: [] })],
    ['an operation that this build lacks', 'operation_unknown', (evidence) => ({ ...evidence, operations: new Map() })],
    [
      'a target of another kind than the operation works on',
      'target_unknown',
      (evidence) => ({
        ...evidence,
        operations: new Map(
          [...evidence.operations].map(([name, own]) => [name, { ...own, targetKind: 'aws' as never }]),
        ),
      }),
    ],
    [
      'a parameter that the operation does not know',
      'params_invalid',
      () =>
        evidenceOf(
          factsWith(({ request }) => {
            request.params = { ...request.params, sudo: true };
          }),
        ),
    ],
    [
      'a target that the bundle does not list',
      'target_unknown',
      () =>
        evidenceOf(
          factsWith(({ request }) => {
            request.params = { ...request.params, target: 'payroll' };
          }),
        ),
    ],
  ])('%s', async (_, code, change) => {
    const evidence = change(evidenceOf(honestFacts(example)));
    await expect(judge(evidence)).rejects.toMatchObject({ name: 'Refusal', code });
    await expect(judgeBy([], evidence)).rejects.toMatchObject({ code });
  });
});
