import { describe, expect, it } from 'vitest';
import { paramsSchema } from '../../../../src/operations/infra-apply/params.js';
import { readPlan } from '../../../../src/operations/infra-apply/plan-json.js';
import { countChanges, renderPlan, sentenceOf } from '../../../../src/operations/infra-apply/render.js';
import { planJson, resourceChange, type ResourceChange } from './plan-fixture.js';

const params = paramsSchema.parse({
  target: 'network',
  source: { kind: 'git', repository: '/srv/git/network.git', commit: 'a'.repeat(40), folder: 'envs/prod' },
});

/** Without the heading. */
function shown(...changes: ResourceChange[]): string {
  return renderPlan(readPlan(planJson({ resource_changes: changes })), params)
    .split('\n\n')
    .slice(1)
    .join('\n\n');
}

describe('a change is shown whole', () => {
  it.each<[string, ResourceChange, string]>([
    [
      'create',
      resourceChange('create', {
        after: {
          name: 'a',
          size: 3,
          on: true,
          tags: { Name: 'x', 'a b': 'y' },
          ports: [80, 443],
          none: null,
          empty: [],
        },
        after_unknown: { id: true, tags: {}, ports: [false, false] },
      }),
      '@@ create aws_instance.web @@\n+ empty = []\n+ name = "a"\n+ on = true\n+ ports[0] = 80\n+ ports[1] = 443\n+ size = 3\n+ tags.Name = "x"\n+ tags["a b"] = "y"\n+ known after apply: id',
    ],
    [
      'change: only what differs',
      resourceChange('update', {
        before: { id: 'i-1', size: 1, tags: { a: '1', b: '2' } },
        after: { id: 'i-1', size: 2, tags: { a: '1' } },
      }),
      '@@ change aws_instance.web @@\n- size = 1\n+ size = 2\n- tags.b = "2"',
    ],
    [
      'change to what is known only later',
      resourceChange('update', {
        before: { id: 'i-1', ip: '10.0.0.1' },
        after: { id: 'i-1' },
        after_unknown: { ip: true },
      }),
      '@@ change aws_instance.web @@\n- ip = "10.0.0.1"\n+ known after apply: ip',
    ],
    [
      'replace',
      {
        ...resourceChange('delete,create', { before: { ami: 'a' }, after: { ami: 'b' }, replace_paths: [['ami']] }),
        action_reason: 'replace_because_cannot_update',
      },
      '@@ replace aws_instance.web (destroys the old one first; because of ami) @@\n- ami = "a"\n+ ami = "b"',
    ],
    [
      'replace, the new one first, because it is tainted',
      {
        ...resourceChange('create,delete', { before: { ami: 'a' }, after: { ami: 'a' } }),
        action_reason: 'replace_because_tainted',
      },
      '@@ replace aws_instance.web (creates the new one first; replace because tainted) @@',
    ],
    [
      'destroy',
      resourceChange('delete', { before: { ami: 'a' }, after: null }),
      '@@ destroy aws_instance.web @@\n- ami = "a"',
    ],
    [
      'forget',
      resourceChange('forget', { before: {}, after: null }),
      '@@ forget aws_instance.web @@\n- value = {}\n  stays as it is, and is no longer managed',
    ],
    [
      'a left-over object',
      { ...resourceChange('delete', { before: { ami: 'a' }, after: null }), deposed: '1234abcd' },
      '@@ destroy aws_instance.web (left-over object 1234abcd) @@\n- ami = "a"',
    ],
    [
      'an import',
      resourceChange('no-op', { before: { id: 'i-1' }, after: { id: 'i-1' }, importing: { id: 'i-1' } }),
      '@@ import aws_instance.web (imports "i-1") @@',
    ],
    [
      'a move',
      { ...resourceChange('no-op', { before: {}, after: {} }), previous_address: 'aws_instance.old' },
      '@@ move aws_instance.web (was aws_instance.old) @@',
    ],
    ['what stays', resourceChange('no-op', { before: { id: 1 }, after: { id: 1 } }), ''],
    [
      'a text of several lines',
      resourceChange('create', { after: { user_data: '#!/bin/sh\necho hi' } }),
      '@@ create aws_instance.web @@\n+ user_data = text\n+     | #!/bin/sh\n+     | echo hi',
    ],
    [
      'a policy in JSON, taken apart',
      resourceChange('update', {
        before: { policy: '{"Statement":[{"Action":"s3:Get*","Effect":"Allow"}]}' },
        after: { policy: '{"Statement":[{"Action":"*","Effect":"Allow"}]}' },
      }),
      '@@ change aws_instance.web @@\n- policy{json}.Statement[0].Action = "s3:Get*"\n+ policy{json}.Statement[0].Action = "*"',
    ],
    [
      'JSON in which a key is there twice, as it is',
      resourceChange('create', { after: { policy: '{"Action":"s3:Get","Action":"*"}' } }),
      '@@ create aws_instance.web @@\n+ policy = "{\\"Action\\":\\"s3:Get\\",\\"Action\\":\\"*\\"}"',
    ],
    [
      'tricks with the terminal, made visible',
      resourceChange('create', { after: { name: 'a\u001b[2Jb\u202ec', 'k\n@@ destroy x @@': 1 } }),
      '@@ create aws_instance.web @@\n+ ["k\\n@@ destroy x @@"] = 1\n+ name = "a\\u001b[2Jb⟨U+202E⟩c"',
    ],
  ])('%s', (_, change, expected) => {
    expect(shown(change)).toBe(expected);
  });

  it('as groups of one block, without leaving anything out', () => {
    const instance = (index: string, zone: string): ResourceChange => ({
      ...resourceChange('create', { after: { size: 1, zone, name: index }, after_unknown: { id: true } }),
      address: `aws_instance.web["${index}"]`,
      index,
    });
    expect(shown(instance('a', 'eu'), instance('b', 'eu'), instance('c', 'us'))).toBe(
      '@@ create aws_instance.web, 3 instances @@\n+ size = 1\n+ known after apply: id\n@@   ["a"] @@\n+ name = "a"\n+ zone = "eu"\n@@   ["b"] @@\n+ name = "b"\n+ zone = "eu"\n@@   ["c"] @@\n+ name = "c"\n+ zone = "us"',
    );
  });

  it('or not at all when it is too long', () => {
    const change = resourceChange('create', { after: { text: 'x'.repeat(200_000) } });
    expect(() => shown(change)).toThrow(expect.objectContaining({ code: 'content_too_large' }));
  });

  it('with 500 resources of ten attributes each', () => {
    const changes = Array.from({ length: 500 }, (_, index) => ({
      ...resourceChange('create', {
        after: Object.fromEntries(
          Array.from({ length: 10 }, (_unused, at) => [
            `attribute_${String(at)}`,
            at < 3 ? `value-${String(index)}` : 'the same',
          ]),
        ),
        after_unknown: { id: true, arn: true, owner_id: true, private_ip: true },
      }),
      address: `aws_instance.web[${String(index)}]`,
      index,
    }));
    const text = shown(...changes);
    for (const index of [0, 1, 499])
      expect(text).toContain(`@@   [${String(index)}] @@\n+ attribute_0 = "value-${String(index)}"`);
    expect(text.length).toBeLessThan(100_000);
  });
});

describe('sensitive values are masked', () => {
  it.each<[string, ResourceChange, string]>([
    [
      'a new one',
      resourceChange('create', { after: { password: 'hunter2' }, after_sensitive: { password: true } }),
      '+ password = (sensitive)',
    ],
    [
      'one inside',
      resourceChange('create', { after: { a: [{ b: 'hunter2', c: 1 }] }, after_sensitive: { a: [{ b: true }] } }),
      '+ a[0].b = (sensitive)\n+ a[0].c = 1',
    ],
    [
      'one that changes',
      resourceChange('update', {
        before: { p: 'hunter1' },
        after: { p: 'hunter2' },
        before_sensitive: { p: true },
        after_sensitive: { p: true },
      }),
      '- p = (sensitive)\n+ p = (sensitive), another one',
    ],
    [
      'one that stays',
      resourceChange('update', {
        before: { p: 'hunter2', n: 1 },
        after: { p: 'hunter2', n: 2 },
        before_sensitive: { p: true },
        after_sensitive: { p: true },
      }),
      '- n = 1\n+ n = 2',
    ],
    [
      'all of it',
      resourceChange('create', { after: { a: 'hunter2' }, after_sensitive: true }),
      '+ value = (sensitive)',
    ],
    [
      'one that was not before',
      resourceChange('update', { before: { p: 'x' }, after: { p: 'hunter2' }, after_sensitive: { p: true } }),
      '- p = "x"\n+ p = (sensitive)',
    ],
  ])('%s', (_, change, expected) => {
    const text = shown(change);
    expect(text.split('\n').slice(1).join('\n')).toBe(expected);
    expect(text).not.toContain('hunter');
  });

  it('in outputs and in drift too', () => {
    const json = planJson({
      output_changes: {
        token: {
          actions: ['update'],
          before: 'hunter1',
          after: 'hunter2',
          before_sensitive: true,
          after_sensitive: true,
        },
      },
      resource_drift: [
        resourceChange('update', {
          before: { p: 'hunter1' },
          after: { p: 'hunter2' },
          before_sensitive: { p: true },
          after_sensitive: { p: true },
        }),
      ],
    });
    const text = renderPlan(readPlan(json), params);
    expect(text).toContain('@@ outputs @@\n- token = (sensitive)\n+ token = (sensitive), another one');
    expect(text).toContain('@@ changed outside of OpenTofu: change aws_instance.web @@');
    expect(text).not.toContain('hunter');
  });
});

describe('a plan that is not understood is not shown', () => {
  it.each<[string, Parameters<typeof planJson>[0]]>([
    ['an unknown action', { resource_changes: [resourceChange('dance', {})] }],
    ['another format', { format_version: '2.0' }],
    ['an incomplete plan', { errored: true }],
    [
      'a provisioner that got past the guard',
      {
        configuration: {
          root_module: {
            module_calls: {
              m: {
                module: {
                  resources: [{ address: 'x.y', mode: 'managed', type: 'x', provisioners: [{ type: 'local-exec' }] }],
                },
              },
            },
          },
        },
      },
    ],
    [
      'data "external" that got past the guard',
      {
        configuration: { root_module: { resources: [{ address: 'data.external.y', mode: 'data', type: 'external' }] } },
      },
    ],
  ])('%s', (_, change) => {
    expect(() => readPlan(planJson(change))).toThrow(
      expect.objectContaining({ name: 'ServiceFault', temporary: false }),
    );
  });
});

it('counts in a sentence', () => {
  const plan = readPlan(
    planJson({ resource_changes: [resourceChange('create', {}), { ...resourceChange('forget', {}), address: 'b.c' }] }),
  );
  expect(sentenceOf(countChanges(plan))).toBe('1 to create, 0 to change, 0 to replace, 0 to destroy, 1 to forget');
});
