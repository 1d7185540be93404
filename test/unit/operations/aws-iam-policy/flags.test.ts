import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../src/core/json.js';
import { effectiveChange } from '../../../../src/operations/aws-iam-policy/effective-change.js';
import { ESCALATION_METHODS } from '../../../../src/operations/aws-iam-policy/escalation.js';
import { findFlags, FLAG_CODES, type FlagInput } from '../../../../src/operations/aws-iam-policy/flags.js';
import type { PrincipalState } from '../../../../src/operations/aws-iam-policy/inspect.js';
import { parseTrust } from '../../../../src/operations/aws-iam-policy/trust.js';
import { json, parsed, statement } from './documents.js';

const ACCOUNT = '123456789012';
const ARN = `arn:aws:iam::${ACCOUNT}:policy/p`;
const NARROW = statement('s3:GetObject', { Resource: 'arn:aws:s3:::orders/a' });
const NOON = Date.UTC(2026, 10, 18, 11, 0);
const role = (name: string) => ({ kind: 'role' as const, name });

interface Changed {
  before?: JsonObject[];
  after?: JsonObject[];
  /** By default the policy's own document changes. */
  attach?: { to: { kind: 'role' | 'user' | 'group'; name: string }; trust?: JsonObject };
  detach?: boolean;
  attachedTo?: FlagInput['state']['policy']['attachedTo'];
  boundaryOf?: FlagInput['state']['policy']['boundaryOf'];
  own?: FlagInput['state']['own'];
  target?: Partial<FlagInput['target']>;
  past?: number;
}

function flagsOf(changed: Changed): Map<string, string> {
  const { attach, detach, attachedTo = [], boundaryOf = [], own = [], target, past = 1 } = changed;
  const present = parsed(...(changed.before ?? [NARROW]));
  const proposed = parsed(...(changed.after ?? [NARROW]));
  const trust = attach?.trust;
  const principal: PrincipalState = {
    id: 'AROA',
    attached: [],
    boundaryArn: null,
    trust: trust === undefined ? null : { document: trust, means: parseTrust(trust) },
  };
  const verb = detach === true ? 'detach' : 'attach';
  const found = findFlags({
    params:
      attach === undefined
        ? { change: 'set_policy', target: 'cloud', policyArn: ARN, document: json(...(changed.after ?? [NARROW])) }
        : { change: verb, target: 'cloud', policyArn: ARN, principal: attach.to },
    target: {
      name: 'cloud',
      environment: 'staging',
      hours: { timeZone: 'Europe/Berlin', from: 8, to: 18 },
      accountId: ACCOUNT,
      partition: 'aws',
      credentials: {
        type: 'assumed_role',
        previewRoleArn: `arn:aws:iam::${ACCOUNT}:role/countersign-preview`,
        executeRoleArn: `arn:aws:iam::${ACCOUNT}:role/countersign-execute`,
      },
      ...target,
    },
    agent: 'export-bot',
    state: {
      policy: { versionIds: ['v1'], defaultVersionId: 'v1', document: present, stored: {}, attachedTo, boundaryOf },
      principal: attach === undefined ? null : principal,
      own,
    },
    before: attach !== undefined && verb === 'attach' ? null : present,
    after: attach === undefined ? proposed : verb === 'attach' ? present : null,
    change:
      attach === undefined
        ? effectiveChange(present, proposed)
        : verb === 'attach'
          ? effectiveChange(null, present)
          : effectiveChange(present, null),
    past,
    nowMs: NOON,
  });
  for (const { code } of found) expect(FLAG_CODES).toContain(code);
  expect(new Set(found.map(({ code }) => code)).size).toBe(found.length);
  return new Map(found.map(({ code, severity }) => [code, severity]));
}

const trusting = (principal: JsonObject | string, more: JsonObject = {}): JsonObject =>
  json({ Effect: 'Allow', Principal: principal, Action: 'sts:AssumeRole', ...more });
const demandsBoundary = {
  Condition: { StringEquals: { 'iam:PermissionsBoundary': 'arn:aws:iam::123456789012:policy/b' } },
};

describe('flags', () => {
  it.each<[string, Changed, Record<string, string>]>([
    [
      'one exact action more',
      { after: [NARROW, statement('s3:PutObject', { Resource: 'arn:aws:s3:::orders/a' })] },
      {},
    ],
    ['fewer actions', { before: [NARROW, statement('*')] }, {}],
    ['all of a service', { after: [statement('s3:*', { Resource: 'arn:aws:s3:::b' })] }, { wildcard_action: 'high' }],
    [
      'some of a service',
      { after: [statement('s3:Get*', { Resource: 'arn:aws:s3:::b' })] },
      { wildcard_action: 'medium' },
    ],
    ['every resource', { after: [statement('s3:GetObject')] }, { wildcard_resource: 'high' }],
    [
      'some resources',
      { after: [statement('s3:GetObject', { Resource: 'arn:aws:s3:::b/*' })] },
      { wildcard_resource: 'medium' },
    ],
    [
      'everything but one',
      { after: [statement('', { NotAction: 'iam:*', Resource: 'arn:aws:s3:::b' })] },
      { wildcard_action: 'high', privilege_escalation: 'critical' },
    ],
    [
      'passing one role',
      { after: [statement('iam:PassRole', { Resource: `arn:aws:iam::${ACCOUNT}:role/app` })] },
      { pass_role: 'high' },
    ],
    [
      'a role of another account',
      { after: [statement('sts:AssumeRole', { Resource: 'arn:aws:iam::999999999999:role/app' })] },
      { assume_outside: 'high' },
    ],
    [
      'a role of this account',
      { after: [statement('sts:AssumeRole', { Resource: `arn:aws:iam::${ACCOUNT}:role/app` })] },
      {},
    ],
    [
      'a role of any account',
      { after: [statement('sts:AssumeRole', { Resource: 'arn:aws:iam::*:role/app' })] },
      { assume_outside: 'high', wildcard_resource: 'medium' },
    ],
    ['a denial less', { before: [NARROW, statement('s3:DeleteObject', { Effect: 'Deny' })] }, { deny_removed: 'high' }],
    [
      'a denial narrower by a condition',
      {
        before: [NARROW, statement('s3:DeleteObject', { Effect: 'Deny' })],
        after: [
          NARROW,
          statement('s3:DeleteObject', { Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
        ],
      },
      { deny_removed: 'high' },
    ],
    [
      'a wider boundary',
      { boundaryOf: [role('app')], after: [NARROW, statement('s3:PutObject', { Resource: 'arn:aws:s3:::orders/a' })] },
      { boundary_changed: 'high' },
    ],
    ['a narrower boundary', { boundaryOf: [role('app')], before: [NARROW, statement('s3:PutObject')] }, {}],
    [
      'no boundary demanded any more',
      {
        before: [
          NARROW,
          statement('iam:CreateRole', { Resource: 'arn:aws:iam::123456789012:role/app', ...demandsBoundary }),
        ],
        after: [NARROW, statement('iam:CreateRole', { Resource: 'arn:aws:iam::123456789012:role/app' })],
      },
      { boundary_changed: 'high' },
    ],
    ['a policy on an own role', { attachedTo: [role('bot')], own: [role('bot')] }, { own_permissions: 'critical' }],
    ['a boundary of an own role', { boundaryOf: [role('bot')], own: [role('bot')] }, { own_permissions: 'critical' }],
    ["a policy on others' roles", { attachedTo: [role('app')], own: [role('bot')] }, {}],
    [
      'a group of the same name as an own role',
      { attachedTo: [{ kind: 'group', name: 'bot' }], own: [role('bot')] },
      {},
    ],
    [
      'attached to an own user',
      { attach: { to: { kind: 'user', name: 'u' } }, own: [{ kind: 'user', name: 'u' }] },
      { own_permissions: 'critical' },
    ],
    [
      'detached from an own user',
      { detach: true, attach: { to: { kind: 'user', name: 'u' } }, own: [{ kind: 'user', name: 'u' }] },
      { own_permissions: 'critical' },
    ],
    [
      'attached to a role that an own one may assume',
      { attach: { to: role('app'), trust: trusting({ AWS: `arn:aws:iam::${ACCOUNT}:role/bot` }) }, own: [role('bot')] },
      { own_permissions: 'critical' },
    ],
    ['an agent whose identities nobody listed', { own: null }, { own_permissions_unknown: 'medium' }],
    [
      "on Countersign's own role",
      { attachedTo: [role('countersign-execute')] },
      { countersign_permissions: 'critical' },
    ],
    [
      'attached to a role of anybody',
      { attach: { to: role('app'), trust: trusting('*') } },
      { principal_any: 'critical' },
    ],
    [
      'attached to a role of anybody under a condition',
      {
        attach: {
          to: role('app'),
          trust: trusting({ AWS: ['*'] }, { Condition: { StringEquals: { 'sts:ExternalId': 'x' } } }),
        },
      },
      { principal_any: 'high' },
    ],
    [
      'attached to a role whose trust is not understood',
      { attach: { to: role('app'), trust: { Statement: 'x' } } },
      { principal_any: 'critical' },
    ],
    ['detached from a role of anybody', { detach: true, attach: { to: role('app'), trust: trusting('*') } }, {}],
    ['in production', { target: { environment: 'production' } }, { production: 'medium' }],
    [
      'at an unusual hour',
      { target: { hours: { timeZone: 'Europe/Berlin', from: 20, to: 22 } } },
      { unusual_hour: 'medium' },
    ],
    ['for the first time', { past: 0 }, { first_time: 'info' }],
  ])('%s', (_, changed, expected) => {
    expect(Object.fromEntries(flagsOf(changed))).toEqual(expected);
  });
});

describe('ways to more rights', () => {
  it.each(ESCALATION_METHODS.map((method) => [method.name, method.actions] as const))('%s', (_, actions) => {
    const rights = (allowed: readonly string[]): JsonObject[] =>
      allowed.map((action) => statement(action, { Resource: 'arn:aws:x' }));
    expect(flagsOf({ after: rights(actions) }).get('privilege_escalation')).toBe('critical');
    // Completed by a last action, it is found too; what was there before is no news.
    expect(
      flagsOf({ before: [NARROW, ...rights(actions.slice(1))], after: rights(actions) }).has('privilege_escalation'),
    ).toBe(true);
    expect(flagsOf({ before: rights(actions), after: [...rights(actions), NARROW] }).has('privilege_escalation')).toBe(
      false,
    );
    const denied = statement(actions[0] ?? '', { Effect: 'Deny' });
    expect(flagsOf({ after: [...rights(actions), denied] }).has('privilege_escalation')).toBe(false);
  });

  it('is there when its last action comes by a pattern, or the denial of it goes', () => {
    expect(flagsOf({ after: [statement('iam:Create*')] }).get('privilege_escalation')).toBe('critical');
    const allowed = statement('iam:CreateAccessKey');
    const denied = statement('iam:*', { Effect: 'Deny' });
    expect(flagsOf({ before: [allowed, denied], after: [allowed] }).has('privilege_escalation')).toBe(true);
  });

  it('lists each once', () => {
    const keys = ESCALATION_METHODS.map(({ actions }) => [...actions].sort().join(' '));
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys.length).toBeGreaterThanOrEqual(21);
  });
});
