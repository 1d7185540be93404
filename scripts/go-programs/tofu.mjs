// OpenTofu from its Go module.
import { copyFile, chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { downloadModule } from './modules.mjs';

export const TOFU_VERSION = '1.10.10';

const OPENTOFU = 'github.com/opentofu/opentofu';

/**
 * A main module of our own that requires it: `go install` refuses modules with `replace` lines, which then are ours.
 * @param options `work`: an empty folder; `output`: the program's path; `go(args, cwd)` runs Go.
 */
export async function buildTofu({ work, output, go }) {
  const version = `v${TOFU_VERSION}`;
  const { Dir: source } = await downloadModule(go, work, OPENTOFU, version);
  const goMod = await readFile(join(source, 'go.mod'), 'utf8');
  await writeFile(join(work, 'go.mod'), goMod.replace(/^module .*$/m, 'module build'));
  await copyFile(join(source, 'go.sum'), join(work, 'go.sum'));
  await chmod(join(work, 'go.sum'), 0o644);
  await go(['mod', 'edit', '-require', `${OPENTOFU}@${version}`], work);
  const flags = ['-mod=mod', '-p=2', '-trimpath', `-ldflags=-s -w -X ${OPENTOFU}/version.dev=no`];
  await go(['build', ...flags, '-o', output, `${OPENTOFU}/cmd/tofu`], work);
}
