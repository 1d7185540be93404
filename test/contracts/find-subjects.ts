import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { VaultProduct } from '../global-setup.js';
import type { ChannelSubject } from './channel-subject.js';
import type { ReminderSubject } from './reminder-subject.js';
import type { Subject } from './subject.js';

/** All subjects in a folder beside this file, by the name of their file. */
async function subjectsIn<T>(folder: string): Promise<Map<string, T>> {
  const path = join(import.meta.dirname, folder);
  const files = (await readdir(path)).filter((name) => name.endsWith('.ts')).sort();
  const subjects = new Map<string, T>();
  for (const file of files) {
    const { subject } = (await import(join(path, file))) as { subject: T };
    subjects.set(file.slice(0, -'.ts'.length), subject);
  }
  return subjects;
}

/** All operations' subjects. */
export function findSubjects(): Promise<Map<string, Subject>> {
  return subjectsIn('subjects');
}

/** All channels' subjects. */
export function findChannels(): Promise<Map<string, ChannelSubject>> {
  return subjectsIn('channels');
}

/** Channels that remind people. */
export function findReminders(): Promise<Map<string, ReminderSubject>> {
  return subjectsIn('reminders');
}

/** Those whose target this run's Vault can serve. */
export async function subjectsOn(product: VaultProduct): Promise<{ name: string; subject: Subject }[]> {
  return [...(await findSubjects())]
    .filter(([, { needs }]) => needs === undefined || needs === product)
    .map(([, subject]) => ({ name: subject.operation.name, subject }));
}
