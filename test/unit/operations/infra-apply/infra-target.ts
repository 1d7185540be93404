import type { InfraTarget } from '../../../../src/targets/infra.js';

/** A workspace's entry in `targets.yaml`, for tests that reach none. */
export function infraTarget(change: Partial<InfraTarget> = {}): InfraTarget {
  return {
    kind: 'infra',
    name: 'network',
    environment: 'production',
    owners: ['dana'],
    hours: { timeZone: 'UTC', from: 8, to: 18 },
    state: { host: '127.0.0.1', port: 5432, database: 'states', tls: 'disable', schema: 'network' },
    vault: {
      mount: 'database',
      previewRole: 'network-preview',
      executeRole: 'network-execute',
      witnessRole: 'network-witness',
      previewTokenRole: 'preview-network',
      executeTokenRole: 'execute-network',
    },
    sources: { git: ['/srv/git/network.git', 'https://git.example.com/infra/'], tarballs: ['a'.repeat(64)] },
    modules: [],
    providers: [{ source: 'example.com/acme/listed', version: '1.2.3', hashes: [`zh:${'a'.repeat(64)}`] }],
    providerMirror: '/srv/providers',
    allowHttpData: false,
    variables: [
      { name: 'region', type: 'string' },
      { name: 'zones', type: 'list(string)' },
    ],
    ...change,
  };
}
