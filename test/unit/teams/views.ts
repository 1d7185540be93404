import { createDirectory } from '../../../src/directory/create-directory.js';
import type { Directory } from '../../../src/directory/directory.js';
import { directory as slackDirectory } from '../slack/views.js';

/** The tests' tenant, app and conversations. */
export const teamsIds = {
  tenantId: '11111111-1111-4111-8111-111111111111',
  otherTenantId: '99999999-9999-4999-8999-999999999999',
  appId: '22222222-2222-4222-8222-222222222222',
  password: 'teams-app-password',
  channel: '19:approvals@thread.tacv2',
  fallback: '19:fallback@thread.tacv2',
} as const;

/** Entra object id of the nth account. */
export function objectIdOf(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

const people = slackDirectory.people();

/** Object ids by person: Ada, Bo (whose account is his alias's), Cy, who owns the agent, and Di, who is on call. */
export const ACCOUNTS = Object.fromEntries(people.map(({ id }, index) => [id, objectIdOf(index + 1)]));
export const ADA = ACCOUNTS['ada'] ?? '';
export const BO = ACCOUNTS['bo-admin'] ?? '';
export const STRANGER = objectIdOf(99);

/** The people of the Slack tests, with Teams accounts. */
export const directory: Directory = createDirectory({
  people: people.map((person) => {
    const aadObjectId = ACCOUNTS[person.id] ?? '';
    return person.slack === undefined ? person : { ...person, teams: { tenantId: teamsIds.tenantId, aadObjectId } };
  }),
  groups: Object.fromEntries(slackDirectory.groups().map((group) => [group, slackDirectory.membersOf(group)])),
  agents: slackDirectory.agents(),
});
