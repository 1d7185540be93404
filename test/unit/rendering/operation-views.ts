import { sha256Hex } from '../../../src/core/json.js';
import type { Flag } from '../../../src/core/schemas/action.js';
import { diffOf } from '../../../src/operations/database-grant/difference.js';
import { findGrantFlags } from '../../../src/operations/database-grant/flags.js';
import { paramsSchema as sshParams } from '../../../src/operations/ssh-command/params.js';
import { describeCommand } from '../../../src/operations/ssh-command/preview.js';
import { previewPolicy } from '../../../src/operations/vault-policy/preview.js';
import type { ActionView } from '../../../src/record/action-view.js';
import { sshHostTargetSchema } from '../../../src/targets/ssh-host.js';
import { vaultTargetSchema } from '../../../src/targets/vault.js';
import { grant, MAIL, ORDERS, run } from '../operations/grant-shop.js';
import { BASE, LEASING, TUESDAY_NIGHT_MS, viewOf } from './view-of.js';

// Actions as people see them, their previews by the operations' own renderers wherever these need no service.

/** A query of so many lines, each of them different. */
export function queryOf(lines: number): string {
  const columns = Array.from(
    { length: lines - 6 },
    (_, n) =>
      `  sum(case when o.status = 'shipped' and date_part('week', o.placed_at) = ${String(n + 1)} then o.total_cents else 0 end) as week_${String(n + 1)},`,
  );
  return [
    'select',
    '  c.country,',
    ...columns,
    '  count(*) as orders',
    'from orders o join customers c on c.id = o.customer_id',
    "where o.placed_at >= '2026-01-01'",
    'group by c.country',
  ].join('\n');
}

export function exportView(query: string): ActionView {
  const params = { target: 'orders', query, format: 'csv' };
  return viewOf({
    operation: 'database.export',
    params,
    reason: 'Monthly report for finance, as asked in ticket 4711.',
    target: { kind: 'postgres', name: 'orders', environment: 'production' },
    preview: {
      summary: 'Export of 2 tables from orders (production), about 12,400 rows',
      facts: [
        { label: 'Target', value: 'orders (production), database orders' },
        {
          label: 'Tables and columns read',
          value: 'public.customers: id, country, email\npublic.orders: customer_id, status, total_cents, placed_at',
        },
        { label: 'Columns of the file', value: 'country character(2), email text, total bigint' },
        { label: 'Estimate', value: "about 12,400 rows, 1,934,400 bytes (the planner's guess)" },
        { label: 'Fails beyond', value: '50,000 rows' },
        { label: 'Format', value: 'CSV' },
        { label: 'Bound parameters', value: '0' },
      ],
      content: { language: 'sql', text: query },
      fingerprint: '2'.repeat(64),
      estimate: { rows: 12_400, bytes: 1_934_400 },
    },
    flags: [
      { code: 'production', severity: 'medium', sentence: 'orders is a production database.' },
      {
        code: 'personal_data',
        severity: 'high',
        sentence: 'Reads columns that look like personal data or secrets: customers.email.',
      },
      {
        code: 'unusual_hour',
        severity: 'medium',
        sentence: "It is 22:40 in Europe/Berlin; orders is usually worked on from 8 to 18 o'clock.",
      },
    ],
  });
}

export function grantView(): ActionView {
  const changes = [
    grant(['SELECT', 'INSERT'], ORDERS, 'clerks'),
    grant(['SELECT'], MAIL, 'clerks'),
    { do: 'grant_membership', role: 'clerks', to: 'auditors' },
  ];
  const { before, after, statements, changes: asked, effective } = run(changes);
  const diff = diffOf(before, after, asked);
  const differing = diff.filter(({ sign }) => sign !== ' ');
  const pairs = effective.allowed.map(({ role, object, privilege }) => `${role}: ${privilege} on ${object}`);
  const text = [
    'BEGIN;',
    ...['SET LOCAL ROLE "granter"', ...statements].map((statement) => `${statement};`),
    'COMMIT;',
    '',
    '-- Privileges, memberships and roles, present against after (+ new, - gone):',
    ...diff.map(({ sign, text: line }) => `-- ${sign} ${line}`),
  ].join('\n');
  return viewOf({
    operation: 'database.grant',
    params: { target: 'orders', changes },
    reason: 'The returns desk enters orders by hand while the shop is being moved (ticket 5120).',
    target: { kind: 'postgres', name: 'orders', environment: 'production' },
    preview: {
      summary: `Change of privileges on orders (production): ${String(effective.allowed.length)} rights newly allowed, ${String(effective.lost.length)} lost`,
      facts: [
        { label: 'Target', value: 'orders (production), database orders' },
        { label: 'Changes asked for', value: `3; entries that differ afterwards: ${String(differing.length)}` },
        { label: 'Newly allowed', value: pairs.join('\n') },
        { label: 'No longer allowed', value: 'nothing' },
        { label: 'Roles reached', value: [...new Set(effective.allowed.map(({ role }) => role))].join(', ') },
        { label: 'Granted by', value: 'granter' },
        { label: 'Undo', value: '3 changes' },
      ],
      content: { language: 'sql', text },
      fingerprint: '3'.repeat(64),
      estimate: { allowed: effective.allowed.length, lost: effective.lost.length },
    },
    flags: findGrantFlags({
      before,
      after,
      changes: asked,
      effective,
      target: { ...BASE, name: 'orders' },
      pastChanges: 1,
      nowMs: TUESDAY_NIGHT_MS,
    }),
  });
}

export async function vaultPolicyView(): Promise<ActionView> {
  const target = vaultTargetSchema.parse({
    kind: 'vault',
    name: 'vault',
    ...BASE,
    vault: LEASING,
    policies: ['app-*'],
    protectedPolicies: [],
  });
  const present =
    'path "secret/data/app/*" {\n  capabilities = ["read"]\n}\n\npath "secret/data/app/root" {\n  capabilities = ["deny"]\n}\n';
  const document =
    'path "secret/data/app/*" {\n  capabilities = ["create", "read", "update"]\n}\n\npath "sys/policies/acl/app-*" {\n  capabilities = ["update"]\n}\n';
  const params = { do: 'set' as const, target: 'vault', name: 'app-orders', document };
  const vault = { read: async () => ({ data: { policy: present } }) } as unknown as Parameters<typeof previewPolicy>[0];
  const { preview, flags } = await previewPolicy(vault, { params, target, pastChanges: 1, nowMs: TUESDAY_NIGHT_MS });
  return viewOf({
    operation: 'vault.policy',
    params,
    reason: 'The app rotates its own secrets from now on.',
    target,
    preview,
    flags,
  });
}

export function sshView(): ActionView {
  const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1rY0sBq3S0uXq5C0p6tH0d8c1jW1s5M4b7b8F3Qx1k';
  const target = sshHostTargetSchema.parse({
    kind: 'ssh-host',
    name: 'web-1',
    ...BASE,
    address: 'web-1.internal.example',
    port: 22,
    user: 'deploy',
    hostKeys: [key],
    hostAuthorities: [],
    sourceAddresses: ['10.20.4.0/28'],
    vault: { mount: 'ssh', previewRole: 'web-1-facts', executeRole: 'web-1-run', witnessRole: 'web-1-end', ...LEASING },
  });
  const script =
    'set -eu; systemctl stop orders && rm -rf /srv/orders/cache && systemctl start orders | tee -a /var/log/deploy.log';
  const params = sshParams.parse({ target: 'web-1', command: ['/bin/sh', '-c', script], timeoutSeconds: 900 });
  const shell = {
    path: '/bin/sh',
    found: true as const,
    real: '/usr/bin/dash',
    owner: 'root:root 755',
    writable: false,
    sha256: sha256Hex('dash'),
  };
  const { preview, flags } = describeCommand(
    { params, target, pastCommands: 0, nowMs: TUESDAY_NIGHT_MS },
    {
      user: 'deploy',
      uid: 1001,
      groups: ['deploy', 'adm'],
      hostName: 'web-1',
      system: 'Linux 6.1.0-28-amd64 x86_64',
      shell: '/bin/bash',
      programs: [shell],
    },
  );
  return viewOf({
    operation: 'ssh.command',
    params,
    reason: 'The cache of orders is corrupt since the last deployment.',
    target,
    preview,
    flags,
  });
}

/** Flags of every severity, each of its own code. */
export function flagsOf(count: number): Flag[] {
  const severities = ['info', 'low', 'medium', 'high', 'critical'] as const;
  return Array.from({ length: count }, (_, n) => ({
    code: `risk_${String(n)}`,
    severity: severities[n % severities.length] ?? 'info',
    sentence: `Risk number ${String(n)} of many, found in module.fleet.aws_instance.web[${String(n)}] and in others of its kind.`,
  }));
}
