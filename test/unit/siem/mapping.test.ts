import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/core/json.js';
import type { StatementBody, StatementKind } from '../../../src/core/schemas/statements.js';
import { schemaOf } from '../../../src/record/verify-statement.js';
import type { ActionContext } from '../../../src/siem/action-context.js';
import { accessChangeOf } from '../../../src/siem/ocsf/access-change.js';
import {
  buildEvent,
  encodeEvent,
  EVENT_BYTES,
  OCSF_CLASSES,
  type About,
  type OcsfEvent,
} from '../../../src/siem/ocsf/event.js';
import { mapStatement } from '../../../src/siem/ocsf/map-statement.js';
import { unreadable } from '../../../src/siem/ocsf/of-findings.js';
import { buildStatement } from '../../../src/core/statement.js';
import { createOcsfJudge } from '../../support/ocsf.js';
import { ACTION_ID, samples } from './samples.js';

const judge = createOcsfJudge(Object.values(OCSF_CLASSES).map(({ uid }) => uid));
const context: ActionContext = {
  agent: 'export-bot',
  operation: 'database.export',
  target: { kind: 'postgres', name: 'orders', environment: 'production' },
  change: null,
};
const about: About = {
  index: 7,
  leafHash: 'cd'.repeat(32),
  digest: 'ef'.repeat(32),
  kind: 'request',
  actionId: ACTION_ID,
  recordedAtMs: 1_795_000_000_500,
  process: 'executor',
  action: context,
};

function eventFor<K extends StatementKind>(kind: K, body: StatementBody<K>, change: Partial<About> = {}): OcsfEvent {
  const at = { ...about, kind, ...change };
  return buildEvent(at, mapStatement(kind, body, at));
}

const kinds = Object.keys(samples) as StatementKind[];
const all = kinds.flatMap((kind) => samples[kind].map((body, number) => ({ kind, number, body })));

describe('every kind of statement', () => {
  it.each(all)('$kind ($number) is a body that could be on record', ({ kind, body }) => {
    const chain = { process: 'executor' as const, number: 1, previous: 'ab'.repeat(32) };
    const statement = buildStatement(kind, { actionId: ACTION_ID, requestDigest: 'ab'.repeat(32), body, chain });
    expect(schemaOf(kind).safeParse(statement).error).toBeUndefined();
  });

  it.each(all)(
    '$kind ($number) becomes an event that OCSF 1.8 allows, with and without its action known',
    ({ kind, body }) => {
      for (const change of [{}, { action: null, process: null }, { action: null, actionId: null }]) {
        const event = eventFor(kind, body, change);
        expect(judge(event)).toEqual([]);
        expect(event).toMatchObject({
          type_uid: event.class_uid * 100 + event.activity_id,
          metadata: { uid: about.leafHash, sequence: about.index, event_code: kind, version: '1.8.0' },
        });
      }
    },
  );
});

const classes: [StatementKind, number, number][] = [
  ['request', 0, 3004],
  ['decision', 0, 3004],
  ['plan', 0, 3004],
  ['adoption', 0, 3004],
  ['lease', 0, 3003],
  ['credential', 0, 3003],
  ['revocation', 0, 3003],
  ['claim', 0, 6003],
  ['effect', 0, 6003],
  ['result', 0, 6003],
  ['refusal', 0, 3004],
  ['refusal', 1, 2004],
  ['refusal', 2, 2004],
  ['incident', 0, 2004],
  ['alarm', 0, 2004],
  ['clearance', 0, 2004],
  ['decision', 2, 3004],
  ['claim', 1, 2004],
  ['retrospective', 0, 2004],
  ['receipt', 0, 3004],
  ['receipt', 1, 2004],
  ['receipt', 2, 2004],
];

it.each(classes)('%s (%i) is of class %i', (kind, number, uid) => {
  const body = samples[kind][number];
  expect(body === undefined ? null : eventFor(kind, body).class_uid).toBe(uid);
});

it('an unjustified broken glass is evidence against those who broke it, not against the agent', () => {
  const body = samples.incident[1] as StatementBody<'incident'>;
  const event = eventFor('incident', body, { process: 'gateway' });
  expect(event['evidences']).toMatchObject([{ actor: { user: { uid: 'erin' } } }, { actor: { user: { uid: 'fay' } } }]);
  expect(event.message).toBe(
    'Incident: people found that breaking the glass was not justified (break_glass_unjustified).',
  );
});

const arn = 'arn:aws:iam::123456789012:policy/readers';
const changes: [string, string, JsonObject, { class_uid: number; activity_name: string }][] = [
  [
    'a policy attached to a user',
    'aws.iam.policy',
    { change: 'attach', target: 'aws', policyArn: arn, principal: { kind: 'user', name: 'bob' } },
    { class_uid: 3001, activity_name: 'Attach Policy' },
  ],
  [
    'a policy written',
    'aws.iam.policy',
    { change: 'set_policy', target: 'aws', policyArn: arn, document: {} },
    { class_uid: 3004, activity_name: 'Update' },
  ],
  [
    'privileges granted',
    'database.grant',
    { target: 'orders', changes: [{ do: 'grant', privileges: ['SELECT'], on: {}, to: 'reports' }] },
    { class_uid: 3005, activity_name: 'Assign Privileges' },
  ],
  [
    'privileges taken back',
    'database.grant',
    { target: 'orders', changes: [{ do: 'revoke_membership', role: 'readers', from: 'reports' }] },
    { class_uid: 3005, activity_name: 'Revoke Privileges' },
  ],
  [
    'a role made',
    'database.grant',
    { target: 'orders', changes: [{ do: 'create_role', role: 'reports' }] },
    { class_uid: 3001, activity_name: 'Create' },
  ],
  [
    'a role dropped',
    'database.grant',
    { target: 'orders', changes: [{ do: 'drop_role', role: 'reports' }] },
    { class_uid: 3001, activity_name: 'Delete' },
  ],
  [
    'a policy of Vault deleted',
    'vault.policy',
    { do: 'delete', target: 'vault', name: 'ci' },
    { class_uid: 3004, activity_name: 'Delete' },
  ],
  ['params that nobody can read', 'database.grant', { changes: 'all' }, { class_uid: 6003, activity_name: 'Update' }],
];

it.each(changes)('%s is an event of identity and access management', (_title, operation, params, expected) => {
  const action = { ...context, operation, change: accessChangeOf(operation, params) };
  for (const body of samples.result) {
    const event = eventFor('result', body, { action });
    expect(event).toMatchObject(expected);
    expect(judge(event)).toEqual([]);
  }
});

it('an overdue revocation and its end are one finding', () => {
  const [, open, closed] = samples.receipt;
  if (open === undefined || closed === undefined) throw new Error('samples are missing');
  const [opened, closing] = [eventFor('receipt', open), eventFor('receipt', closed)];
  expect(opened).toMatchObject({ activity_name: 'Create', severity_id: 4, status_id: 1 });
  expect(closing).toMatchObject({ activity_name: 'Close', status_id: 4 });
  expect((closing['finding_info'] as JsonObject)['uid']).toBe((opened['finding_info'] as JsonObject)['uid']);
});

it('a broken glass and what its reviewers say of it are one finding, which no single word of theirs closes', () => {
  const [, broken] = samples.claim;
  const [justified, unjustified] = samples.retrospective;
  if (broken === undefined || justified === undefined || unjustified === undefined)
    throw new Error('samples are missing');
  const finding = eventFor('claim', broken);
  expect(finding).toMatchObject({ activity_name: 'Create', severity_id: 4, status_id: 1, is_alert: true });
  expect(finding.message).toMatch(/^carol and erin broke the glass/);
  const { uid } = finding['finding_info'] as JsonObject;
  for (const [body, severity_id, status_code] of [
    [justified, 1, 'justified'],
    [unjustified, 4, 'unjustified'],
  ] as const)
    expect(eventFor('retrospective', body)).toMatchObject({
      activity_name: 'Update',
      severity_id,
      status_id: 2,
      status_code,
      finding_info: { uid },
    });
});

it('an approval that breaks the glass is told from every other', () => {
  const [approval, , breaking] = samples.decision;
  if (approval === undefined || breaking === undefined) throw new Error('samples are missing');
  expect(eventFor('decision', approval)).toMatchObject({ severity_id: 1, status_code: 'approve', disposition_id: 8 });
  expect(eventFor('decision', breaking)).toMatchObject({
    severity_id: 3,
    status_code: 'break_glass',
    disposition_id: 8,
    message: 'carol broke the glass for the action.',
  });
});

it('what does not verify, or is gone, is a finding: critical, but for an agent’s words, whose key may have been replaced', () => {
  for (const [kind, severity] of [
    ['decision', 5],
    ['missing', 5],
    ['request', 3],
  ] as const) {
    const place = { ...about, kind };
    const event = buildEvent(place, unreadable(place, 'Its envelope does not verify.'));
    expect(judge(event)).toEqual([]);
    expect(event).toMatchObject({ class_uid: 2004, severity_id: severity, metadata: { sequence: about.index } });
  }
});

describe('hostile text', () => {
  const hostile = `\u001b[2J\u202eevil\u2028\u0000\ud800 "},{"class_uid":1 ${'x'.repeat(3_000)}`;

  it('stays data, is cut, and cannot move a cursor', () => {
    const request = { ...(samples.request[0] as StatementBody<'request'>), reason: hostile, params: { [hostile]: 1 } };
    const event = eventFor('request', request);
    expect(judge(event)).toEqual([]);
    const json = encodeEvent(event);
    expect(json).toMatch(/^[\x20-\x7e]+$/);
    expect(JSON.parse(json)).toEqual(event);
    expect(event['comment']).toHaveLength(300);
    expect(event.class_uid).toBe(3004);
  });

  it('never makes an event larger than receivers take; what is left out is said', () => {
    const names = Array.from({ length: 500 }, (_, number) => `person-${String(number)}`.padEnd(63, 'x'));
    const [plan] = samples.plan;
    const [preview] = samples.preview;
    if (plan === undefined || preview === undefined) throw new Error('samples are missing');
    const flags = Array.from({ length: 51 }, () => ({
      code: `a${'b'.repeat(40)}`,
      severity: 'low' as const,
      sentence: hostile.slice(0, 500),
    }));
    const large = [
      eventFor('plan', {
        ...plan,
        barred: names.map((person) => ({ person, because: 'no' })),
        plan: {
          ...plan.plan,
          stages: names.slice(0, 20).map((group) => ({ group, quorum: 2 })),
          policies: names.slice(0, 100),
        },
      }),
      eventFor('preview', { ...preview, flags }),
      eventFor('claim', {
        ...(samples.claim[1] as StatementBody<'claim'>),
        approvers: names,
        breakGlass: { by: names, dueAtMs: 1 },
      }),
      eventFor('decision', {
        ...(samples.decision[0] as StatementBody<'decision'>),
        reason: '\u0001'.repeat(2_000),
        approver: { person: 'carol', groups: names.slice(0, 200) },
      }),
      eventFor('archive', {
        histories: Array.from({ length: 20 }, () => ({
          runId: '\u0001'.repeat(100),
          sha256: 'ab'.repeat(32),
          bytes: 1,
          events: 1,
          kept: true,
        })),
        policies: Array.from({ length: 50 }, () => ({ digest: 'ab'.repeat(32), sha256: 'ab'.repeat(32) })),
        archivedAtMs: 1,
      }),
      eventFor('revocation', {
        accessor: '\u0001'.repeat(200),
        proofs: Array.from({ length: 20 }, () => ({ asked: '\u0001'.repeat(300), answer: '' })),
        revokedAtMs: 1,
      }),
    ];
    for (const event of large) {
      expect(encodeEvent(event).length).toBeLessThanOrEqual(EVENT_BYTES);
      expect(judge(event)).toEqual([]);
    }
    expect(large.some(({ metadata }) => metadata['is_truncated'] === true)).toBe(true);
  });
});

it('no value of params, no secret in a text, and no word of a result reaches an event', () => {
  const secrets = ['hunter2', 'select 1', 'select 1 where'];
  for (const secret of secrets) expect(JSON.stringify(all)).toContain(secret);
  for (const { kind, body } of all) {
    const json = encodeEvent(eventFor(kind, body));
    for (const secret of secrets) expect(json, kind).not.toContain(secret);
  }
  const [withdrawal] = samples.withdrawal;
  if (withdrawal === undefined) throw new Error('a sample is missing');
  const json = encodeEvent(
    eventFor('withdrawal', { ...withdrawal, reason: 'the token is hvs.CAESIJ0000000000000000000000 sorry' }),
  );
  expect(json).toContain('[redacted: vault_token]');
  expect(json).not.toContain('CAESIJ');
});

it('a time that no calendar has is the last that syslog can write', () => {
  const [lease] = samples.effect;
  if (lease === undefined) throw new Error('a sample is missing');
  expect(new Date(eventFor('effect', { ...lease, startedAtMs: 2 ** 52 }).time).toISOString()).toMatch(/^9999-12-31/);
});

it('events name the release', () => {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', '..', 'package.json'), 'utf8')) as {
    version: string;
  };
  expect(eventFor('fetch', samples.fetch[0] as StatementBody<'fetch'>)).toMatchObject({
    metadata: { product: { version } },
  });
});
