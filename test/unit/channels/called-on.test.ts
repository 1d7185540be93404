import { expect, it } from 'vitest';
import { calledOn, presentFor } from '../../../src/channels/message/called-on.js';
import { showingsOf, waitsFor } from '../../../src/channels/message/showings.js';
import { createDirectory } from '../../../src/directory/create-directory.js';
import { directory as everyone, OPENED_AT_MS, planOf, waitingView } from '../slack/views.js';

/** Ada is away for an hour, and Di stands in for her; so is Cy, who may not decide, and Eve stands in for him. */
const directory = createDirectory({
  people: everyone.people(),
  groups: Object.fromEntries(everyone.groups().map((group) => [group, everyone.membersOf(group)])),
  agents: everyone.agents(),
  delegations: [
    { from: 'ada', to: 'di', ...hourFrom(OPENED_AT_MS) },
    { from: 'cy', to: 'eve', ...hourFrom(OPENED_AT_MS) },
  ],
});

function hourFrom(atMs: number): { begins: string; ends: string } {
  return { begins: new Date(atMs).toISOString(), ends: new Date(atMs + 3_600_000).toISOString() };
}

it.each([
  ['all who are able', [], ['ada', 'bo'], ['ada', 'bo']],
  ['who is on call', ['bo'], ['ada', 'bo'], ['bo']],
  ['all, where nobody on call can be reached', ['bo'], ['ada'], ['ada', 'bo']],
  ['all, where nobody on call is able', ['cy'], ['ada', 'bo', 'cy'], ['ada', 'bo']],
  ['all, where nobody on call is of the group', ['di'], ['di', 'bo'], ['ada', 'bo']],
])('calls on %s', async (_name, people, reachable, called) => {
  const callers = {
    directory: everyone,
    onCall: { of: async () => ({ people, source: null, faults: [] }) },
    isReachable: (person: string) => reachable.includes(person),
  };
  expect(await calledOn(['dba', 'dba'], (person) => person !== 'cy', callers)).toEqual(called);
});

it.each([
  ['before somebody goes', -1, ['ada', 'bo']],
  ['while somebody is away', 0, ['bo', 'di']],
  ['once they are back', 3_600_000, ['ada', 'bo']],
])('%s an action waits for, and is written to, those who hold the places then', (_name, afterMs, people) => {
  const view = waitingView({ plan: { ...planOf({ group: 'dba', quorum: 1 }), notify: ['direct'] } });
  const present = presentFor(view, directory, OPENED_AT_MS + afterMs);
  const ids = everyone.people().map(({ id }) => id);
  expect(ids.filter((id) => everyone.canonical(id) === id && waitsFor(view, id, present))).toEqual(people);
  const reach = { directory: present, addressOf: () => undefined, configured: 'x', isReachable: () => true };
  expect(showingsOf(view, reach)).toMatchObject(people.map((person) => ({ kind: 'direct', person })));
});
