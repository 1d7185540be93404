// A small program of ours over Go's own transparency log packages: a verifier of the ledger that shares no code with it.
import { cp } from 'node:fs/promises';
import { join } from 'node:path';

const source = join(import.meta.dirname, 'ledger-check');

/** @param options `work`: an empty folder; `output`: the program's path; `go(args, cwd)` runs Go. */
export async function buildLedgerCheck({ work, output, go }) {
  const folder = join(work, 'source');
  await cp(source, folder, { recursive: true });
  await go(['build', '-mod=readonly', '-trimpath', '-ldflags=-s -w', '-o', output, '.'], folder);
}
