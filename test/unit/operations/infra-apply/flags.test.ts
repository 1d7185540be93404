import { describe, expect, it } from 'vitest';
import { findFlags, type FlagInput } from '../../../../src/operations/infra-apply/flags.js';
import { readPlan } from '../../../../src/operations/infra-apply/plan-json.js';
import { infraTarget } from './infra-target.js';
import { planJson, resourceChange, type ResourceChange } from './plan-fixture.js';

// A Wednesday, at noon and at night.
const NOON = Date.UTC(2026, 10, 18, 12, 0);
const NIGHT = Date.UTC(2026, 10, 18, 2, 30);

function codes(
  changes: readonly ResourceChange[],
  change: Partial<FlagInput> = {},
  drift: readonly ResourceChange[] = [],
): string[] {
  const plan = readPlan(planJson({ resource_changes: changes, resource_drift: drift }));
  const input = {
    plan,
    findings: { unpinnedModules: [], unpinnedProviders: [] },
    target: infraTarget({ environment: 'staging' }),
    destroysAll: false,
    pastApplies: 1,
    nowMs: NOON,
  };
  return findFlags({ ...input, ...change }).map(({ code, severity }) => `${code} ${severity}`);
}

const create = (type: string, after: Record<string, unknown>) => [resourceChange('create', { after }, type)];
const change = (type: string, before: Record<string, unknown>, after: Record<string, unknown>) => [
  resourceChange('update', { before, after }, type),
];

describe('flags', () => {
  it.each<[string, readonly ResourceChange[], string[]]>([
    ['a plain creation', create('aws_instance', { ami: 'a' }), []],
    ['a destruction', [resourceChange('delete', { before: {} })], ['destroy high']],
    ['a replacement', [resourceChange('delete,create', { before: {}, after: {} })], ['replace high']],
    [
      'a replacement, the new one first',
      [resourceChange('create,delete', { before: {}, after: {} })],
      ['replace high'],
    ],
    ['what is no longer managed', [resourceChange('forget', { before: {} })], ['forget medium']],
    ['an import', [resourceChange('no-op', { importing: { id: 'x' } })], ['import medium']],
    ['nothing at all', [], ['no_change info']],
    ['a data source alone', [{ ...resourceChange('read', { after: {} }), mode: 'data' }], ['no_change info']],
    [
      'a hundred',
      Array.from({ length: 100 }, (_, index) => ({
        ...resourceChange('create', {}),
        address: `a.b[${String(index)}]`,
      })),
      ['many_changes medium'],
    ],
    ['a role', create('aws_iam_role', { name: 'x' }), ['iam high']],
    ['a binding', create('google_project_iam_member', { role: 'x' }), ['iam high']],
    ['a role assignment', create('azurerm_role_assignment', {}), ['iam high']],
    ['a cluster role', create('kubernetes_cluster_role_binding_v1', {}), ['iam high']],
    ['a grant', create('postgresql_grant', {}), ['iam high']],
    [
      'a port for everyone',
      create('aws_security_group', { ingress: [{ cidr_blocks: ['10.0.0.0/8', '0.0.0.0/0'] }] }),
      ['public_exposure critical'],
    ],
    [
      'a port for everyone by IPv6',
      create('aws_vpc_security_group_ingress_rule', { cidr_ipv6: '::/0' }),
      ['public_exposure critical'],
    ],
    [
      'everyone in two halves',
      create('aws_security_group', { ingress: [{ cidr_blocks: ['0.0.0.0/1', '128.0.0.0/1'] }] }),
      ['public_exposure critical'],
    ],
    ['a way out', create('aws_security_group', { egress: [{ cidr_blocks: ['0.0.0.0/0'] }] }), []],
    ['a rule for the way out', create('aws_security_group_rule', { type: 'egress', cidr_blocks: ['0.0.0.0/0'] }), []],
    ['a default route', create('aws_route', { destination_cidr_block: '0.0.0.0/0' }), []],
    [
      'a port that was open before',
      change(
        'aws_security_group',
        { ingress: [{ cidr_blocks: ['0.0.0.0/0'] }] },
        { ingress: [{ cidr_blocks: ['0.0.0.0/0'] }], name: 'x' },
      ),
      [],
    ],
    [
      'a port that opens',
      change(
        'aws_security_group',
        { ingress: [{ cidr_blocks: ['10.0.0.0/8'] }] },
        { ingress: [{ cidr_blocks: ['0.0.0.0/0'] }] },
      ),
      ['public_exposure critical'],
    ],
    [
      'a firewall of another cloud',
      create('google_compute_firewall', { source_ranges: ['0.0.0.0/0'] }),
      ['public_exposure critical'],
    ],
    [
      'a rule of yet another',
      create('azurerm_network_security_rule', { source_address_prefix: '*' }),
      ['public_exposure critical'],
    ],
    ['a public ACL', create('aws_s3_bucket_acl', { acl: 'public-read' }), ['public_exposure critical']],
    ['a public database', create('aws_db_instance', { publicly_accessible: true }), ['public_exposure critical']],
    [
      'a block that is lifted',
      change('aws_s3_bucket_public_access_block', { block_public_acls: true }, { block_public_acls: false }),
      ['public_exposure critical'],
    ],
    ['all users', create('google_storage_bucket_access', { member: 'allUsers' }), ['public_exposure critical']],
    [
      'a policy for everyone',
      create('aws_sns_topic', {
        policy: '{"Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sns:Publish"}]}',
      }),
      ['public_exposure critical'],
    ],
    [
      'a policy against everyone',
      create('aws_sns_topic', { policy: '{"Statement":[{"Effect":"Deny","Principal":"*","Action":"*"}]}' }),
      [],
    ],
    [
      'an open function',
      create('aws_lambda_function_url', { authorization_type: 'NONE' }),
      ['public_exposure critical'],
    ],
  ])('%s', (_, changes, expected) => {
    expect(codes(changes)).toEqual(expected);
  });

  it.each<[string, Partial<FlagInput>, string]>([
    ['the whole workspace', { destroysAll: true }, 'destroy critical'],
    ['in production', { target: infraTarget() }, 'production medium'],
    ['at night', { nowMs: NIGHT }, 'unusual_hour medium'],
    ['for the first time', { pastApplies: 0 }, 'first_time info'],
    [
      'a module by its tag',
      { findings: { unpinnedModules: ['git::x?ref=v1'], unpinnedProviders: [] } },
      'unpinned_module medium',
    ],
    [
      'a provider without a version',
      { findings: { unpinnedModules: [], unpinnedProviders: ['hashicorp/aws'] } },
      'unpinned_provider low',
    ],
  ])('%s', (_, input, expected) => {
    expect(codes([resourceChange('delete', { before: {} })], input)).toContain(expected);
  });

  it('what somebody changed beside OpenTofu', () => {
    expect(codes(create('aws_instance', {}), {}, change('aws_instance', { a: 1 }, { a: 2 }))).toContain('drift medium');
  });

  it('keeps its sentences short, and counts what it leaves out', () => {
    const many = Array.from({ length: 80 }, (_, index) => ({
      ...resourceChange('delete', { before: {} }),
      address: `module.a_long_name.aws_instance.web[${String(index)}]`,
    }));
    const plan = readPlan(planJson({ resource_changes: many }));
    const [found] = findFlags({
      plan,
      findings: { unpinnedModules: [], unpinnedProviders: [] },
      target: infraTarget(),
      destroysAll: false,
      pastApplies: 1,
      nowMs: NOON,
    });
    expect(found?.sentence.length).toBeLessThan(500);
    expect(found?.sentence).toMatch(/and \d+ more\.$/);
  });
});
