#!/usr/bin/env node
// Everything that must hold before a change lands, in this order; CI runs the same. One failed step does not stop the
// others: all that failed are listed at the end. `--without-tests` leaves the last step out.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { checkDeployment } from './check-deployment.mjs';
import { StepError, main, run, tail } from './steps.mjs';

const root = join(import.meta.dirname, '..');
const inModules = (...path) => join(root, 'node_modules', ...path);
const tsc = [inModules('typescript', 'bin', 'tsc')];

const steps = [
  ['format', () => node(inModules('prettier', 'bin', 'prettier.cjs'), '--check', '.')],
  [
    'types',
    async () => {
      await node(...tsc, '--build', root);
      await node(...tsc, '--project', 'test', '--noEmit');
    },
  ],
  ['lint', () => node(inModules('eslint', 'bin', 'eslint.js'), '--max-warnings', '0', '.')],
  [
    'dependency rules',
    () =>
      node(
        inModules('dependency-cruiser', 'bin', 'dependency-cruise.mjs'),
        ...['--config', '.dependency-cruiser.cjs'],
        ...['src', 'activities', 'workflows', 'apps', 'bench', 'test', 'dist/workflows'],
      ),
  ],
  ['dead code', () => node(inModules('knip', 'bin', 'knip.js'))],
  [
    'generated files',
    async () => {
      await node('scripts/generate-catalog.mjs', '--check');
      await node('scripts/generate-config-reference.mjs', '--check');
      await node('dist/apps/gateway/openapi.js', '--check');
    },
  ],
  ['compose file and Dockerfile', checkDeployment],
  ['tests', () => watched(inModules('vitest', 'vitest.mjs'), 'run')],
];

await main(async () => {
  const chosen = process.argv.includes('--without-tests') ? steps.slice(0, -1) : steps;
  const failed = [];
  for (const [index, [title, work]] of chosen.entries()) {
    const place = `[${index + 1}/${chosen.length}] ${title}`;
    const startedAt = Date.now();
    console.log(`${place} …`);
    const fault = await work().then(
      () => undefined,
      (error) => (error instanceof StepError ? error.message : (error.stack ?? String(error))),
    );
    const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
    if (fault !== undefined) {
      failed.push(title);
      console.log(fault);
    }
    console.log(`${place}: ${fault === undefined ? 'ok' : 'FAILED'} (${seconds} s)`);
  }
  if (failed.length > 0) throw new StepError(`Failed: ${failed.join(', ')}.`);
  console.log(`\nAll ${chosen.length} steps passed.`);
});

/** Runs a script of Node's; its output is shown only when it fails. */
async function node(script, ...args) {
  const { code, output } = await run(process.execPath, [script, ...args], { cwd: root });
  if (code !== 0) throw new StepError(tail(output, 400));
}

/** Runs a script of Node's that tells its progress itself. */
async function watched(script, ...args) {
  const child = spawn(process.execPath, [script, ...args], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (...end) => resolve(end));
  });
  if (code !== 0) throw new StepError('See above.');
}
