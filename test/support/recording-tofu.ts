import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { infraPrograms } from './infra.js';

/** OpenTofu, with a note of the environment that each of its commands got. */
export interface RecordingTofu {
  programs: { tofu: string; git: string };
  /** Environments by command (`init`, `plan`, …), oldest first; forgotten once read. */
  take(): Promise<{ command: string; environment: Record<string, string> }[]>;
  remove(): Promise<void>;
}

/** @param before shell commands to run first in the command's own environment, e.g. another use of OpenTofu. */
export async function makeRecordingTofu(before: (tofu: string) => string = () => ''): Promise<RecordingTofu> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-tofu-'));
  const notes = join(folder, 'notes');
  await mkdir(notes);
  const { tofu, git } = infraPrograms();
  const file = join(folder, 'tofu');
  // The PATH of what `infra.apply` runs is empty: everything is named whole.
  const script = `#!/bin/sh
/usr/bin/env -0 > '${notes}'/"$(/usr/bin/date +%s%N).$1"
${before(tofu)}
exec '${tofu}' "$@"
`;
  await writeFile(file, script, { mode: 0o755 });
  return {
    programs: { tofu: file, git },
    async take() {
      const found = [];
      for (const note of (await readdir(notes)).sort()) {
        const lines = (await readFile(join(notes, note), 'utf8')).split('\0').filter((line) => line !== '');
        const entries = lines.map(
          (line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const,
        );
        found.push({ command: note.slice(note.indexOf('.') + 1), environment: Object.fromEntries(entries) });
        await rm(join(notes, note));
      }
      return found;
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
