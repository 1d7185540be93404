import { describe, test } from 'vitest';
import { editedBundle, expectFault, type Edit } from './bundle-folders.js';

const VAULT_TARGET = `
  - kind: vault
    name: vault
    environment: production
    owners: []
    vault: { previewTokenRole: policies-preview, executeTokenRole: policies-execute }
    policies: [orders-s*]
    protectedPolicies: [orders-staging-execute]
    hours: { timeZone: Europe/Berlin, from: 0, to: 24 }
`;

const OTHER_FAULTS: [string, Edit[], string][] = [
  [
    'schema syntax',
    [{ file: 'schema.cedarschema', from: 'entity Group;', to: 'entity Group' }],
    'schema.cedarschema:{entity Environment}: ',
  ],
  [
    'schema without a question',
    [
      {
        file: 'schema.cedarschema',
        from: 'action "approve:database.export"',
        to: 'action "approve:database.import"',
      },
    ],
    'schema.cedarschema: lacks action "approve:database.export"',
  ],
  [
    'schema that mixes questions',
    [
      {
        file: 'schema.cedarschema',
        from: 'action "database.export" appliesTo',
        to: 'action "database.export" in ["request"] appliesTo',
      },
    ],
    'schema.cedarschema: action "database.export" is in [request]',
  ],
  [
    'schema with another principal',
    [{ file: 'schema.cedarschema', from: 'principal: Person,\n  resource', to: 'principal: Agent,\n  resource' }],
    'schema.cedarschema: action "approve:database.export" has principal Agent; it must be Person',
  ],
  [
    'schema with another context',
    [{ file: 'schema.cedarschema', from: 'severity: Long,', to: 'severity: String,' }],
    'schema.cedarschema: action "database.export" does not fit the context',
  ],
  [
    'schema with another entity',
    [{ file: 'schema.cedarschema', from: '  owner: Person,\n', to: '' }],
    'schema.cedarschema: does not fit the directory and targets',
  ],
  [
    'number without predecessor',
    [{ file: 'bundle.yaml', from: 'number: 1', to: 'number: 2' }],
    'bundle.yaml:{previous:}: bundle 2 must name the digest of bundle 1',
  ],
  [
    'first with a predecessor',
    [{ file: 'bundle.yaml', from: 'null', to: 'a'.repeat(64) }],
    'bundle.yaml:{previous:}: bundle 1 is the first',
  ],
  [
    'target without TLS',
    [{ file: 'targets.yaml', from: 'host: 127.0.0.1', to: 'host: db.internal' }],
    'targets.yaml:{tls: disable}: target "orders" disables TLS for host "db.internal"',
  ],
  [
    'database under two names',
    [{ file: 'targets.yaml', from: 'orders_staging', to: 'orders' }],
    'targets.yaml:{database: orders#2}: target "orders-staging" names the database 127.0.0.1:5432/orders of target "orders"',
  ],
  [
    'Vault role of another target',
    [{ file: 'targets.yaml', from: 'orders-staging-execute', to: 'orders-execute' }],
    'targets.yaml:{executeRole: orders-execute#2}: target "orders-staging" names the Vault role database/orders-execute of target "orders"',
  ],
  [
    'Vault target whose patterns a token role fits',
    [{ file: 'targets.yaml', from: null, to: VAULT_TARGET }],
    'targets.yaml:{policies: [orders-s}: target "vault" lists a pattern that "orders-staging-preview" fits',
  ],
  [
    'target twice',
    [{ file: 'targets.yaml', from: 'name: orders-staging', to: 'name: orders' }],
    'targets.yaml:{name: orders#2}: target "orders" is listed twice',
  ],
  [
    'no such time zone',
    [{ file: 'targets.yaml', from: 'Europe/Berlin', to: 'Europe/Atlantis' }],
    'targets.yaml:{Europe/Atlantis}: target "orders": "Europe/Atlantis" is not an IANA time zone',
  ],
  [
    'no business hour',
    [{ file: 'targets.yaml', from: 'from: 7, to: 20', to: 'from: 7, to: 7' }],
    'targets.yaml:{to: 7}: target "orders": business hours from 7 to 7',
  ],
  [
    'function without schema',
    [{ file: 'targets.yaml', from: 'allowedFunctions: []', to: 'allowedFunctions: [mask]' }],
    'targets.yaml:{[mask]}: target "orders": "mask" must be schema.function',
  ],
  [
    'owner whom nobody knows',
    [{ file: 'targets.yaml', from: 'owners: [carol]', to: 'owners: [karol]' }],
    'targets.yaml:{[karol]}: target "orders" is owned by "karol", who is not among the people; the directory has "carol"',
  ],
  [
    'path in a Vault name',
    [{ file: 'targets.yaml', from: 'mount: database', to: 'mount: ../sys' }],
    'targets.yaml:{../sys}: targets.0.vault.mount: ',
  ],
];

describe('a fault in another part of the bundle', () => {
  test.each<[string, Edit[], string]>(OTHER_FAULTS)('%s', async (_, edits, expected) => {
    await expectFault(await editedBundle(edits), expected);
  });
});
