import type { FurtherTarget } from '../installation/further-target.js';
import { policyStore } from '../installation/policy-store.js';

/** The target of `policy.change` as policies/example names it. */
export const examplePolicyStore: FurtherTarget = policyStore({
  name: 'policy',
  environment: 'production',
  owners: [],
  hours: { timeZone: 'Europe/Berlin', from: 7, to: 20 },
});
