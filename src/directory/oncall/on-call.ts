import type { Directory, Person } from '../directory.js';
import { onCallSources, type OnCallSettings } from './catalog.gen.js';
import type { OnCallAccess, OnCallName, OnCallSource } from './source.js';

/** Who is on call for a group. */
export interface OnCallAnswer {
  /** Canonical people of the group, sorted. Empty: nobody is known to be, so all of the group are asked. */
  people: string[];
  /** Kind of the source that said so; null: none did. */
  source: string | null;
  /** What is wrong with the sources that were asked before, a sentence each. */
  faults: string[];
}

/** Tells who is on call. It never throws: without an answer all of the group are asked. */
export interface OnCall {
  of(group: string): Promise<OnCallAnswer>;
}

export interface OnCallOptions {
  /** The one in force. */
  directory: () => Directory;
  access: OnCallAccess;
  /** Hears which sources were passed over, and why; no secret is in it. Once for each time that they are asked. */
  onFaults: (group: string, answer: OnCallAnswer) => void;
  clock: () => number;
}

const KEPT_MS = 60_000;

/** Asks the sources of a group in their order; the first that names one of its people counts, for a minute. */
export function createOnCall({ directory, access, onFaults, clock }: OnCallOptions): OnCall {
  const kept = new Map<string, { directory: Directory; untilMs: number; answer: Promise<OnCallAnswer> }>();
  return {
    of(group) {
      const known = kept.get(group);
      const now = directory();
      if (known?.directory === now && clock() < known.untilMs) return known.answer;
      const answer = askSources(group, now, { atMs: clock(), access }).then((told) => {
        if (told.faults.length > 0) onFaults(group, told);
        return told;
      });
      kept.set(group, { directory: now, untilMs: clock() + KEPT_MS, answer });
      return answer;
    },
  };
}

async function askSources(
  group: string,
  directory: Directory,
  question: { atMs: number; access: OnCallAccess },
): Promise<OnCallAnswer> {
  const faults: string[] = [];
  // Who is away is not called, and whoever stands in for them may be.
  const members = new Set(directory.at(question.atMs, []).membersOf(group));
  for (const settings of directory.onCallSources(group)) {
    try {
      const named = await sourceOf(settings).whoIsOnCall(settings, question);
      const people = [...new Set(named.flatMap((name) => personOf(name, directory)))].filter((id) => members.has(id));
      if (people.length > 0) return { people: people.sort(), source: settings.kind, faults };
      faults.push(`${settings.kind} names nobody of ${group}.`);
    } catch (error) {
      faults.push(error instanceof Error ? error.message : `${settings.kind} failed.`);
    }
  }
  return { people: [], source: null, faults };
}

function sourceOf({ kind }: OnCallSettings): OnCallSource {
  const source = onCallSources.find((known) => known.kind === kind);
  if (source === undefined) throw new Error(`Nothing knows on-call sources of kind ${kind}.`);
  return source;
}

/** Exact mapping only: a name that the directory does not know is nobody. */
function personOf(name: OnCallName, directory: Directory): string[] {
  if ('person' in name) return [directory.canonical(name.person)];
  const person = personNamed(name, directory);
  return person === undefined ? [] : [directory.canonical(person.id)];
}

function personNamed(name: Exclude<OnCallName, { person: string }>, directory: Directory): Person | undefined {
  if ('slack' in name) return directory.personBySlack(name.slack.teamId, name.slack.userId);
  if ('atlassianAccountId' in name)
    return onlyOne(
      directory.people().filter(({ atlassianAccountId: id }) => id === name.atlassianAccountId),
      directory,
    );
  return directory.people().find(({ email }) => email.toLowerCase() === name.email.toLowerCase());
}

/** Whom two humans claim to be is nobody. */
function onlyOne(people: readonly Person[], directory: Directory): Person | undefined {
  return new Set(people.map(({ id }) => directory.canonical(id))).size === 1 ? people[0] : undefined;
}
