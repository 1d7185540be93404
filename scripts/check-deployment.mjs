#!/usr/bin/env node
// Judges docker-compose.yml and Dockerfile where no container engine runs: the compose specification's schema, and hadolint.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { withLock } from './lock.mjs';
import { StepError, main, run, step, tail } from './steps.mjs';

const root = join(import.meta.dirname, '..');
const requirements = join(root, 'scripts', 'deployment-tools.requirements.txt');

/** @throws StepError with what the tools found. */
export async function checkDeployment() {
  const tools = await installTools();
  const env = { ...process.env, PYTHONPATH: tools };
  const checks = [
    ['python3', ['-m', 'check_jsonschema', '--builtin-schema', 'vendor.compose-spec', 'docker-compose.yml']],
    [join(tools, 'bin', 'hadolint'), ['--failure-threshold', 'info', 'Dockerfile']],
  ];
  const faults = [];
  for (const [command, args] of checks) {
    const { code, output, error } = await run(command, args, { cwd: root, env });
    if (error !== undefined || code !== 0) faults.push(`${args.at(-1)}:\n${tail(error?.message ?? output, 60)}`);
  }
  if (faults.length > 0) throw new StepError(faults.join('\n'));
}

// A folder per version of the list, made whole before it takes its name: a broken download is never taken for a tool.
async function installTools() {
  const list = await readFile(requirements, 'utf8');
  const version = createHash('sha256').update(list).digest('hex').slice(0, 16);
  const folder = join(root, '.services', `deployment-tools-${version}`);
  await withLock(join(root, '.services', 'deployment-tools.lock'), async () => {
    if (existsSync(folder)) return;
    await step('fetching check-jsonschema and hadolint', async () => {
      const fresh = `${folder}.new`;
      await rm(fresh, { recursive: true, force: true });
      const pip = [
        '-m',
        'pip',
        'install',
        '--target',
        fresh,
        '--require-hashes',
        '--only-binary',
        ':all:',
        '--no-deps',
      ];
      const quiet = ['--no-input', '--quiet', '--disable-pip-version-check', '--no-warn-script-location'];
      const env = { ...process.env, PIP_USER: '0', PIP_ROOT_USER_ACTION: 'ignore' };
      const { code, output, error } = await run('python3', [...pip, ...quiet, '-r', requirements], { cwd: root, env });
      if (error !== undefined || code !== 0) {
        throw new StepError(
          `pip could not install scripts/deployment-tools.requirements.txt (Python 3.11 or newer is needed):\n${tail(error?.message ?? output)}`,
        );
      }
      await rename(fresh, folder);
    });
  });
  return folder;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main(checkDeployment);
