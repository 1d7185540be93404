import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseDocument, type Document } from 'yaml';
import { Refusal } from '../core/errors.js';
import type { Person } from '../directory/directory.js';
import { bundleDigest, bundleInvalid, readBundleFiles } from './bundle-files.js';

/** What an installation fills in: keys of its agents, places of its targets, identities of its people. */
export interface BundleChanges {
  /** base64 of the raw public key, by agent id. */
  agentKeys?: Record<string, string>;
  /** Fields to replace, by target name. */
  targets?: Record<string, { readonly [field: string]: unknown }>;
  /** Targets that the installation does not have, by name. */
  withoutTargets?: readonly string[];
  /** Fields to replace, by person id. */
  people?: Record<string, Partial<Pick<Person, 'name' | 'email' | 'oidcSubject' | 'slack' | 'teams'>>>;
}

/**
 * Copies a bundle into an empty or new folder with changes; comments stay.
 * @returns the digest of what was written, for configuration to pin. `loadBundle` judges whether it holds together.
 * @throws Refusal `bundle_invalid` when the source is no bundle, the folder is not empty, or a change names nothing.
 */
export async function writeBundle(fromDir: string, toDir: string, changes: BundleChanges): Promise<string> {
  const { files, problems } = await readBundleFiles(fromDir);
  if (problems.length > 0) throw bundleInvalid(fromDir, problems);
  await mkdir(toDir, { recursive: true });
  if ((await readdir(toDir)).length > 0) {
    throw new Refusal(
      'bundle_invalid',
      `The folder ${toDir} is not empty: a bundle is written into an empty one.`,
      toDir,
    );
  }
  for (const [name, { text }] of files) {
    await writeFile(join(toDir, name), changed(name, text, changes), { flag: 'wx' });
  }
  return bundleDigest(toDir);
}

function changed(name: string, text: string, changes: BundleChanges): string {
  if (name !== 'directory.yaml' && name !== 'targets.yaml') return text;
  const document = parseDocument(text);
  if (name === 'targets.yaml') {
    setFields(document, 'targets', 'name', changes.targets ?? {});
    removeTargets(document, changes.withoutTargets ?? []);
  } else {
    const keys = Object.entries(changes.agentKeys ?? {}).map(([id, publicKey]) => [id, { publicKey }] as const);
    setFields(document, 'agents', 'id', Object.fromEntries(keys));
    setFields(document, 'people', 'id', changes.people ?? {});
  }
  return document.toString({ lineWidth: 0 });
}

function setFields(document: Document, list: string, nameField: string, byName: Record<string, object>): void {
  const entries = ((document.toJS() as Record<string, unknown> | null)?.[list] ?? []) as Record<string, unknown>[];
  for (const [name, fields] of Object.entries(byName)) {
    const index = entries.findIndex((entry) => entry[nameField] === name);
    if (index < 0) {
      const known = entries.map((entry) => String(entry[nameField])).join(', ');
      throw new Refusal(
        'bundle_invalid',
        `The bundle's ${list} have no "${name}" to change; they are: ${known}.`,
        list,
      );
    }
    for (const [field, value] of Object.entries(fields)) setField(document, [list, index, field], value);
  }
}

function removeTargets(document: Document, names: readonly string[]): void {
  const { targets } = document.toJS() as { targets: { name: string }[] };
  // From the end: what goes does not move what is still to be looked at.
  for (const [index, { name }] of [...targets.entries()].reverse())
    if (names.includes(name)) document.deleteIn(['targets', index]);
}

/** Objects are merged field by field, so that e.g. `vault: { mount }` keeps the roles. */
function setField(document: Document, path: (string | number)[], value: unknown): void {
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && document.hasIn(path)) {
    for (const [field, inner] of Object.entries(value)) setField(document, [...path, field], inner);
  } else if (value !== undefined) {
    document.setIn(path, document.createNode(value));
  }
}
