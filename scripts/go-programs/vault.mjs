// HashiCorp Vault from its Go modules. Its own go.mod takes SDK and API from folders beside it that are not published
// with it: the nearest published versions take their place, and three mendings close the gap between them and Vault.
import { chmod, copyFile, cp, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StepError, run } from '../steps.mjs';
import { downloadModule } from './modules.mjs';

export const VAULT_VERSION = '1.20.4';

const VAULT = 'github.com/hashicorp/vault';
const SDK = `${VAULT}/sdk`;
const API = `${VAULT}/api`;
const SDK_VERSION = 'v0.19.0';
const API_VERSION = 'v1.22.0';
/** Vault's database plugins are written against the connection helper of this one. */
const OLDER_SDK_VERSION = 'v0.18.0';
/** Required by Vault's go.mod, imported by none of what is built, and published nowhere. */
const UNPUBLISHED = 'github.com/hashicorp/go-cmp';

const MAIN = `package main

import (
	"os"

	"github.com/hashicorp/vault/command"
)

func main() {
	os.Exit(command.Run(os.Args[1:]))
}
`;

/**
 * @param options `work`: an empty folder; `output`: the program's path; `go(args, cwd)` runs Go.
 */
export async function buildVault({ work, output, go }) {
  const vault = await downloadModule(go, work, VAULT, `v${VAULT_VERSION}`);
  await prepareSdk(join(work, 'sdk'), await downloadModule(go, work, SDK, SDK_VERSION), async () =>
    downloadModule(go, work, SDK, OLDER_SDK_VERSION),
  );
  await mkdir(join(work, 'nothing'));
  await writeFile(join(work, 'nothing', 'go.mod'), `module ${UNPUBLISHED}\n\ngo 1.21\n`);

  const program = join(work, 'program');
  await mkdir(program);
  await writeFile(join(program, 'main.go'), MAIN);
  const goMod = await readFile(vault.GoMod, 'utf8');
  const ours = goMod.replace(/^module .*$/m, 'module build').replace(/^replace .* => \.\/.*$/gm, '');
  await writeFile(join(program, 'go.mod'), ours);
  await copyFile(join(vault.Dir, 'go.sum'), join(program, 'go.sum'));
  await chmod(join(program, 'go.sum'), 0o644);
  const required = [`${VAULT}@v${VAULT_VERSION}`, `${SDK}@${SDK_VERSION}`, `${API}@${API_VERSION}`];
  const replaced = [`${SDK}=../sdk`, `${UNPUBLISHED}=../nothing`];
  const edits = [...required.map((module) => `-require=${module}`), ...replaced.map((module) => `-replace=${module}`)];
  await go(['mod', 'edit', ...edits], program);
  await go(['build', '-mod=mod', '-p=2', '-trimpath', '-ldflags=-s -w', '-o', output, '.'], program);
}

/** A copy of the published SDK, mended where Vault's own differs. */
async function prepareSdk(folder, sdk, downloadOlder) {
  await cp(sdk.Dir, folder, { recursive: true });
  const { code } = await run('chmod', ['-R', 'u+w', folder]);
  if (code !== 0) throw new StepError(`${folder} could not be made writable.`);

  // The connection helper as Vault's plugins call it.
  const older = await downloadOlder();
  const helper = join('database', 'helper', 'connutil');
  for (const name of await readdir(join(older.Dir, helper))) {
    if (!name.endsWith('.go')) continue;
    await writeFile(join(folder, helper, name), await readFile(join(older.Dir, helper, name)));
  }

  // Keys against quantum computers are in the Enterprise edition only: none of ours is one.
  await writeFile(
    join(folder, 'helper', 'keysutil', 'pqc.go'),
    'package keysutil\n\n// IsPQC is false for every type of key that this build knows.\nfunc (kt KeyType) IsPQC() bool { return false }\n',
  );

  // Vault's core does not know this question yet, so no system view has to answer it; one that does is asked.
  await edit(join(folder, 'logical', 'system_view.go'), /^\tGetRotationInformation\(.*\n/m, '');
  await edit(
    join(folder, 'plugin', 'grpc_system.go'),
    '\tresp, err := s.impl.GetRotationInformation(ctx, cfgReq)\n',
    [
      '\tview, ok := s.impl.(interface {',
      '\t\tGetRotationInformation(context.Context, *rotation.RotationInfoRequest) (*rotation.RotationInfoResponse, error)',
      '\t})',
      '\tif !ok {',
      '\t\treturn nil, errMissingSystemView',
      '\t}',
      '\tresp, err := view.GetRotationInformation(ctx, cfgReq)',
      '',
    ].join('\n'),
  );
}

async function edit(file, found, replacement) {
  const text = await readFile(file, 'utf8');
  const edited = text.replace(found, replacement);
  if (edited === text) throw new StepError(`${file} is not as expected: the recipe for Vault no longer fits.`);
  await writeFile(file, edited);
}
