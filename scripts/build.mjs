#!/usr/bin/env node
// Compiles into dist/ incrementally, removes outputs whose source is gone, and bundles the workflows and the console when
// they changed.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { withLock } from './lock.mjs';
import { StepError, main, run, step, tail } from './steps.mjs';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');

export async function build() {
  await withLock(join(root, '.services', 'build.lock'), async () => {
    await compile();
    await removeOrphans();
    await bundleWorkflows();
    await bundleConsole();
  });
}

async function compile() {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  if (!existsSync(tsc)) throw new StepError('TypeScript is not installed. Run: npm run setup');
  await step('compiling (tsc --build)', async () => {
    const { code, output } = await run(process.execPath, [tsc, '--build', root], { cwd: root });
    if (code !== 0) throw new StepError(`tsc --build failed:\n${tail(output, 200)}`);
  });
}

// `tsc --build` leaves the outputs of deleted sources: they would still be imported, and run.
async function removeOrphans() {
  for (const file of await filesBelow(dist)) {
    const path = relative(dist, file);
    const stem = /^(.+?)\.(?:js|d\.ts)(?:\.map)?$/.exec(path)?.[1];
    // What lies in dist/ itself (the workflow bundle) and in dist/console was not compiled from a source of the same name.
    if (stem === undefined || !path.includes(sep) || path.startsWith(`console${sep}`)) continue;
    if (['.ts', '.tsx'].some((extension) => existsSync(join(root, stem + extension)))) continue;
    await rm(file);
  }
}

async function bundleWorkflows() {
  const script = join(dist, 'apps', 'worker', 'bundle-workflows.js');
  const stampFile = join(dist, 'workflow-bundle.stamp');
  if (!existsSync(script)) return;
  const stamp = await bundleInputs(script);
  const isFresh =
    existsSync(join(dist, 'workflow-bundle.js')) &&
    existsSync(stampFile) &&
    (await readFile(stampFile, 'utf8')) === stamp;
  if (isFresh) return;
  await step('bundling the workflows', async () => {
    const { code, output } = await run(process.execPath, [script], { cwd: root });
    if (code !== 0)
      throw new StepError(`Bundling the workflows failed (${relative(root, script)}):\n${tail(output, 60)}`);
  });
  await writeFile(stampFile, stamp);
}

// All that can get into the bundle: our workflows, what they may import, and the packages' versions.
async function bundleInputs(script) {
  const folders = ['workflows', join('src', 'core'), join('src', 'contracts')].map((folder) => join(dist, folder));
  const compiled = (await Promise.all(folders.map(filesBelow))).flat().filter((file) => file.endsWith('.js'));
  return digestOf([script, join(root, 'package-lock.json'), ...compiled.sort()]);
}

// The pages that the gateway serves: static files, named by their content.
async function bundleConsole() {
  const source = join(root, 'apps', 'console');
  const stampFile = join(dist, 'console.stamp');
  const inputs = [...(await filesBelow(source)), ...(await filesBelow(join(root, 'src', 'core')))];
  const stamp = await digestOf([join(root, 'package-lock.json'), ...inputs.sort()]);
  const isFresh =
    existsSync(join(dist, 'console', 'index.html')) &&
    existsSync(stampFile) &&
    (await readFile(stampFile, 'utf8')) === stamp;
  if (isFresh) return;
  await step('building the console', async () => {
    const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js');
    const args = [vite, 'build', source, '--config', join(source, 'vite.config.mjs'), '--logLevel', 'warn'];
    const { code, output } = await run(process.execPath, args, { cwd: root });
    if (code !== 0) throw new StepError(`Building the console failed:\n${tail(output, 60)}`);
  });
  await writeFile(stampFile, stamp);
}

async function digestOf(files) {
  const digest = createHash('sha256');
  for (const file of files) {
    digest
      .update(relative(root, file))
      .update('\0')
      .update(await readFile(file))
      .update('\0');
  }
  return digest.digest('hex');
}

async function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main(build);
