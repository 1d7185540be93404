import { ACCESS_AGENT } from '../example.js';
import { vaultPolicies } from '../installation/further-target.js';
import type { FurtherTarget } from '../installation/further-target.js';
import type { LiveOperation } from './live-operation.js';

const POLICY = 'app-orders';
const PRESENT = 'path "secret/data/orders/*" {\n  capabilities = ["read"]\n}\n';

/** The target as policies/example names it. */
export const examplePolicyTarget: FurtherTarget = vaultPolicies({
  name: 'vault',
  environment: 'production',
  owners: [],
  policies: ['app-*', 'team-*'],
  protectedPolicies: ['app-operations'],
  hours: { timeZone: 'Europe/Berlin', from: 7, to: 20 },
});

/** `vault.policy`: on the stack's own Vault, which has one policy of an application to begin with. */
export const vaultPolicy: LiveOperation = {
  operation: 'vault.policy',
  agent: ACCESS_AGENT,
  approver: 'fay',
  missing: () => Promise.resolve(null),
  provide: () =>
    Promise.resolve({
      async target(scope) {
        const installed = await examplePolicyTarget(scope);
        await scope.admin.write(`sys/policies/acl/${POLICY}`, { policy: PRESENT });
        return {
          ...installed,
          async uninstall() {
            await scope.admin.delete(`sys/policies/acl/${POLICY}`);
            await installed.uninstall();
          },
        };
      },
      example: () => ({
        params: {
          do: 'set',
          target: 'vault',
          name: POLICY,
          document: 'path "secret/data/orders/*" { capabilities = ["read", "list"] }',
        },
        reason: 'The orders service lists its own secrets',
      }),
    }),
};
