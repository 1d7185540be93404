import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { VaultProduct } from '../global-setup.js';
import type { Subject } from './subject.js';

const folder = join(import.meta.dirname, 'subjects');

/** All subjects that there are, by the name of their file. */
export async function findSubjects(): Promise<Map<string, Subject>> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.ts')).sort();
  const subjects = new Map<string, Subject>();
  for (const file of files) {
    const { subject } = (await import(join(folder, file))) as { subject: Subject };
    subjects.set(file.slice(0, -'.ts'.length), subject);
  }
  return subjects;
}

/** Those whose target this run's Vault can serve. */
export async function subjectsOn(product: VaultProduct): Promise<{ name: string; subject: Subject }[]> {
  return [...(await findSubjects())]
    .filter(([, { needs }]) => needs === undefined || needs === product)
    .map(([, subject]) => ({ name: subject.operation.name, subject }));
}
