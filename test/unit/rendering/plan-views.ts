import { paramsSchema as infraParams } from '../../../src/operations/infra-apply/params.js';
import { readPlan } from '../../../src/operations/infra-apply/plan-json.js';
import { describePlan } from '../../../src/operations/infra-apply/preview.js';
import type { ActionView } from '../../../src/record/action-view.js';
import { infraTarget } from '../operations/infra-apply/infra-target.js';
import { planJson, resourceChange, type ResourceChange } from '../operations/infra-apply/plan-fixture.js';
import { HOURS, TUESDAY_NIGHT_MS, viewOf } from './view-of.js';

/** Security groups, their rules and machines: `count` resources of one plan; half of them differ each in its own way. */
function resourcesOf(count: number): ResourceChange[] {
  return Array.from({ length: count }, (_, index) => {
    const address = `module.fleet.aws_instance.web[${String(index)}]`;
    const own = { module_address: 'module.fleet', address, index };
    const subnet = `subnet-0${String(4_217_901 + index * 37)}`;
    const tags = { Name: `web-${String(index).padStart(3, '0')}`, owner: 'platform', rack: `r${String(index % 40)}` };
    const before = {
      ami: 'ami-0a1b2c3d4e5f60718',
      private_dns: `ip-10-20-${String(index % 256)}-7.before.internal.example`,
      subnet_id: subnet,
      tags,
    };
    const after = {
      ...before,
      ami: 'ami-09f8e7d6c5b4a3210',
      private_dns: `ip-10-21-${String(index % 256)}-7.after.internal.example`,
      tags: { ...tags, release: `2026.11.${String(index)}` },
    };
    if (index % 10 === 0)
      return {
        ...resourceChange('delete,create', { before, after, replace_paths: [['ami']], after_unknown: { id: true } }),
        ...own,
      };
    if (index % 2 === 1)
      return {
        ...resourceChange('create', {
          after: {
            ...after,
            user_data: `#!/bin/sh\nset -eu\nhostname web-${String(index)}\nmount /dev/disk/by-id/vol-0${String(88_100_000 + index * 91)} /srv`,
            hostname: `web-${String(index)}.fleet.eu-central-1.internal.example`,
            volume_id: `vol-0${String(88_100_000 + index * 91)}`,
          },
          after_unknown: { id: true, arn: true, private_ip: true },
        }),
        ...own,
      };
    return { ...resourceChange('update', { before, after }), ...own };
  });
}

function planView(changes: ResourceChange[], reason: string): ActionView {
  const target = infraTarget({ hours: HOURS });
  const params = infraParams.parse({
    target: 'network',
    source: {
      kind: 'git',
      repository: '/srv/git/network.git',
      commit: '4f1d2c3b5a69788766554433221100ffeeddccbb',
      folder: 'envs/prod',
    },
  });
  const described = {
    target,
    params,
    workspace: {
      source: { digest: '5e'.repeat(32), folder: 'envs/prod', parentCommit: null },
      findings: { unpinnedModules: [], unpinnedProviders: [] },
    },
    plan: readPlan(planJson({ resource_changes: changes })),
    state: { serial: 412, lineage: '7f0c2a34-9a6e-4a77-8f58-0d4c8f3f4a11', instances: new Map() },
    kept: { planSha256: '6f'.repeat(32), expectedSha256: '7a'.repeat(32) },
    pastApplies: 3,
    nowMs: TUESDAY_NIGHT_MS,
  };
  const { preview, flags } = describePlan(described as unknown as Parameters<typeof describePlan>[0]);
  return viewOf({ operation: 'infra.apply', params, reason, target, preview, flags });
}

/** A plan with so many resources. */
export function largePlanView(count = 500): ActionView {
  return planView(resourcesOf(count), 'Rolls the new machine image out to the whole fleet (change 8841).');
}

export function planViewForPeople(): ActionView {
  const rule = resourceChange(
    'update',
    {
      before: { cidr_blocks: ['10.20.0.0/16'], from_port: 443, to_port: 443, protocol: 'tcp', type: 'ingress' },
      after: { cidr_blocks: ['0.0.0.0/0'], from_port: 443, to_port: 443, protocol: 'tcp', type: 'ingress' },
    },
    'aws_security_group_rule',
  );
  const database = resourceChange(
    'delete,create',
    {
      before: { identifier: 'orders', engine_version: '15.4', password: 'a', storage_encrypted: false },
      after: { identifier: 'orders', engine_version: '16.2', password: 'b', storage_encrypted: true },
      before_sensitive: { password: true },
      after_sensitive: { password: true },
      after_unknown: { endpoint: true },
      replace_paths: [['storage_encrypted']],
    },
    'aws_db_instance',
  );
  const named = (change: ResourceChange, name: string): ResourceChange => ({
    ...change,
    name,
    address: `${change.type}.${name}`,
  });
  return planView(
    [named(rule, 'public_https'), named(database, 'orders'), ...resourcesOf(2)],
    'Encrypt the database at rest and open the shop to customers outside of the office network.',
  );
}
