import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createArtefactWriter,
  deleteArtefact,
  listArtefacts,
  openArtefact,
  sweepArtefacts,
} from '../../../src/operations/artefacts.js';

const FIRST = '01JD0000000000000000000001';
const SECOND = '01JD0000000000000000000002';
const RETAIN_UNTIL_MS = 1_000_000;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-artefacts-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function publish(actionId: string, retainUntilMs = RETAIN_UNTIL_MS): Promise<void> {
  const writer = await createArtefactWriter(folder, actionId, 'csv');
  await writer.write(chunksOf('id\r\n', '1\r\n'));
  await writer.publish({ sha256: 'a'.repeat(64), bytes: 7, rows: 1, format: 'csv', retainUntilMs });
}

async function* chunksOf(...chunks: string[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

describe('artefacts', () => {
  it('are seen only when complete', async () => {
    const writer = await createArtefactWriter(folder, FIRST, 'csv');
    await writer.write(chunksOf('id\r\n'));
    expect(await listArtefacts(folder)).toEqual([]);
    await expect(openArtefact(folder, FIRST, 0)).rejects.toMatchObject({ code: 'not_found' });
    await writer.discard();
    expect(await readdir(folder)).toEqual([]);
    await publish(FIRST);
    const opened = await openArtefact(folder, FIRST, RETAIN_UNTIL_MS - 1);
    expect({ ...opened, stream: await text(opened.stream) }).toMatchObject({
      fileName: `${FIRST}.csv`,
      stream: 'id\r\n1\r\n',
      artefact: { rows: 1 },
    });
  });

  it('are gone from their retention time on, and swept', async () => {
    await publish(FIRST);
    await publish(SECOND, RETAIN_UNTIL_MS + 1);
    await expect(openArtefact(folder, FIRST, RETAIN_UNTIL_MS)).rejects.toMatchObject({ code: 'artefact_gone' });
    expect(await sweepArtefacts(folder, RETAIN_UNTIL_MS)).toEqual([FIRST]);
    expect(await listArtefacts(folder)).toEqual([SECOND]);
    await deleteArtefact(folder, SECOND);
    expect(await readdir(folder)).toEqual([]);
  });

  it('are swept although the manifest of another cannot be read, which is told', async () => {
    await publish(FIRST);
    await publish(SECOND);
    await writeFile(join(folder, `${FIRST}.json`), 'nonsense');
    await expect(sweepArtefacts(folder, RETAIN_UNTIL_MS)).rejects.toThrow(SyntaxError);
    expect(await listArtefacts(folder)).toEqual([FIRST]);
  });

  it('left unfinished are swept after two days, not before', async () => {
    const partial = join(folder, `${FIRST}.csv.partial`);
    await writeFile(partial, 'id');
    await utimes(partial, 0, 0);
    const twoDaysMs = 2 * 24 * 60 * 60 * 1000;
    await sweepArtefacts(folder, twoDaysMs);
    expect(await readdir(folder)).toHaveLength(1);
    await sweepArtefacts(folder, twoDaysMs + 1);
    expect(await readdir(folder)).toEqual([]);
  });

  it.each(['../../etc/passwd', `../${FIRST}`, '', FIRST.toLowerCase(), `${FIRST}\0`])(
    'have no path for %j',
    async (actionId) => {
      await writeFile(join(folder, 'kept'), '');
      await expect(openArtefact(folder, actionId, 0)).rejects.toMatchObject({ code: 'not_found' });
      await expect(createArtefactWriter(folder, actionId, 'csv')).rejects.toThrow();
      await deleteArtefact(folder, actionId);
      expect(await readdir(folder)).toEqual(['kept']);
    },
  );

  it('are not written twice at a time', async () => {
    const writer = await createArtefactWriter(folder, FIRST, 'csv');
    await expect(createArtefactWriter(folder, FIRST, 'csv')).rejects.toMatchObject({ code: 'EEXIST' });
    await writer.discard();
  });

  it('are none in a folder that is not there', async () => {
    expect(await listArtefacts(join(folder, 'none'))).toEqual([]);
    expect(await sweepArtefacts(join(folder, 'none'), 0)).toEqual([]);
  });
});
