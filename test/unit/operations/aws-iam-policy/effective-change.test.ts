import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../src/core/json.js';
import { describeChange, describePairs } from '../../../../src/operations/aws-iam-policy/describe-change.js';
import {
  allowsAction,
  effectiveChange,
  type EffectiveChange,
} from '../../../../src/operations/aws-iam-policy/effective-change.js';
import { parsed, statement } from './documents.js';

const CONDITION = { Condition: { Bool: { 'aws:MultiFactorAuthPresent': 'true' } } };
const deny = (action: string, more: JsonObject = {}): JsonObject => statement(action, { Effect: 'Deny', ...more });

const CASES: readonly {
  name: string;
  before: JsonObject[];
  after: JsonObject[];
  change: { [list in keyof EffectiveChange]?: string[] };
}[] = [
  {
    name: 'other words for the same',
    before: [statement(['s3:GetObject', 's3:PutObject'])],
    after: [statement('s3:PutObject'), statement('S3:GETOBJECT')],
    change: {},
  },
  {
    name: 'an action more',
    before: [statement('s3:GetObject')],
    after: [statement(['s3:GetObject', 's3:PutObject'])],
    change: { newlyAllowed: ['s3:PutObject on *'] },
  },
  {
    name: 'a wildcard for one',
    before: [statement('s3:GetObject')],
    after: [statement('s3:Get*')],
    change: { newlyAllowed: ['s3:Get* on *'] },
  },
  {
    name: 'one for a wildcard',
    before: [statement('s3:Get*')],
    after: [statement('s3:GetObject')],
    change: { noLongerAllowed: ['s3:Get* on *'] },
  },
  {
    name: 'a resource more, of two actions',
    before: [statement(['s3:GetObject', 's3:PutObject'], { Resource: 'arn:a' })],
    after: [statement(['s3:GetObject', 's3:PutObject'], { Resource: ['arn:a', 'arn:b'] })],
    change: { newlyAllowed: ['s3:GetObject, s3:PutObject on arn:b'] },
  },
  {
    name: 'a condition less',
    before: [statement('s3:GetObject', CONDITION)],
    after: [statement('s3:GetObject')],
    change: { newlyAllowed: ['s3:GetObject on *'] },
  },
  {
    name: 'a condition more',
    before: [statement('s3:GetObject')],
    after: [statement('s3:GetObject', CONDITION)],
    change: { noLongerAllowed: ['s3:GetObject on *'] },
  },
  {
    name: 'a denial of what was allowed',
    before: [statement('s3:*')],
    after: [statement('s3:*'), deny('s3:DeleteBucket')],
    change: { newlyDenied: ['s3:DeleteBucket on *'] },
  },
  {
    name: 'a denial that covers an allowance whole',
    before: [statement('s3:GetObject')],
    after: [statement('s3:GetObject'), deny('s3:*')],
    change: { noLongerAllowed: ['s3:GetObject on *'], newlyDenied: ['s3:* on *'] },
  },
  {
    name: 'the end of such a denial',
    before: [statement('s3:GetObject'), deny('s3:*')],
    after: [statement('s3:GetObject')],
    change: { newlyAllowed: ['s3:GetObject on *'], noLongerDenied: ['s3:* on *'] },
  },
  {
    name: 'a denial under a condition, which denies nothing whole',
    before: [statement('s3:GetObject')],
    after: [statement('s3:GetObject'), deny('s3:*', CONDITION)],
    change: { newlyDenied: ['s3:* on * under a condition'] },
  },
  {
    name: 'everything but IAM',
    before: [statement('s3:GetObject')],
    after: [statement('', { NotAction: 'iam:*' })],
    change: { newlyAllowed: ['everything except iam:* on *'] },
  },
  {
    name: 'an exception that goes',
    before: [statement('', { NotAction: ['iam:*', 'sts:*'] })],
    after: [statement('', { NotAction: ['iam:*'] })],
    change: { newlyAllowed: ['everything except iam:* on *'] },
  },
  {
    name: 'an exception more',
    before: [statement('', { NotAction: ['iam:*'] })],
    after: [statement('', { NotAction: ['iam:*', 'sts:*'] })],
    change: { noLongerAllowed: ['everything except iam:* on *'] },
  },
  {
    name: 'one action of everything but some',
    before: [statement('', { NotAction: 'iam:*' })],
    after: [statement('s3:GetObject')],
    change: { noLongerAllowed: ['everything except iam:* on *'] },
  },
  {
    name: 'every resource but one',
    before: [statement('s3:GetObject', { NotResource: 'arn:secret' })],
    after: [statement('s3:GetObject', { Resource: 'arn:open' })],
    change: { noLongerAllowed: ['s3:GetObject on everything except arn:secret'] },
  },
];

describe('what changes in effect', () => {
  it.each(CASES)('$name', ({ before, after, change }) => {
    const found = effectiveChange(parsed(...before), parsed(...after));
    const shown = Object.fromEntries(
      Object.entries(found).map(([list, pairs]) => [
        list,
        (pairs as EffectiveChange['newlyAllowed']).map(describePairs),
      ]),
    );
    expect(shown).toEqual({ newlyAllowed: [], noLongerAllowed: [], newlyDenied: [], noLongerDenied: [], ...change });
  });

  it.each(CASES)('$name, the other way round', ({ before, after, change }) => {
    const back = effectiveChange(parsed(...after), parsed(...before));
    expect(back.noLongerAllowed.map(describePairs)).toEqual(change.newlyAllowed ?? []);
    expect(back.noLongerDenied.map(describePairs)).toEqual(change.newlyDenied ?? []);
  });

  it('takes everything of a policy that is attached, and of none', () => {
    const policy = parsed(statement('s3:GetObject'), deny('iam:*'));
    expect(effectiveChange(null, policy).newlyAllowed.map(describePairs)).toEqual(['s3:GetObject on *']);
    expect(effectiveChange(policy, null).noLongerDenied.map(describePairs)).toEqual(['iam:* on *']);
  });

  it('compares the largest documents that there can be in a moment', () => {
    const many = (from: number): JsonObject =>
      statement(
        Array.from({ length: 400 }, (_, index) => `s3:A${String(index + from)}`),
        { Resource: Array.from({ length: 400 }, (_, index) => `arn:${String(index)}`) },
      );
    const startedAt = performance.now();
    effectiveChange(parsed(many(0)), parsed(many(200)));
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  it('says of a wildcard what it stood for', () => {
    const lines = describeChange(effectiveChange(null, parsed(statement('sts:AssumeRole*'))));
    expect(lines).toContainEqual(
      expect.stringMatching(/^ {2}sts:AssumeRole\* stood for \d actions in .*: AssumeRole, AssumeRoleWithSAML/),
    );
  });
});

it.each([
  ['iam:PassRole', [statement('iam:*')], true],
  ['iam:PassRole', [statement('IAM:passrole', CONDITION)], true],
  ['iam:PassRole', [statement('', { NotAction: 's3:*' })], true],
  ['iam:PassRole', [statement('', { NotAction: 'iam:*' })], false],
  ['iam:PassRole', [statement('*'), deny('iam:*')], false],
  ['iam:PassRole', [statement('*'), deny('iam:*', CONDITION)], true],
  ['iam:PassRole', [statement('*'), deny('iam:*', { Resource: 'arn:one' })], true],
])('whether %s is allowed by %j: %s', (action, statements, expected) => {
  expect(allowsAction(parsed(...statements), action)).toBe(expected);
});
