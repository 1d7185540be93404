import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { cliEnvironmentSchema } from '../../../apps/cli/environment.js';
import { EXIT } from '../../../apps/cli/exit-codes.js';
import { program } from './program.js';
import { run } from './run.js';

const reference = await readFile(new URL('../../../docs/cli.md', import.meta.url), 'utf8');

/** Every command that does something, by its full name. */
function leaves(command: Command, path: string): [string, Command][] {
  if (command.commands.length === 0) return [[path, command]];
  return command.commands.flatMap((child) => leaves(child, `${path} ${child.name()}`));
}
const COMMANDS = leaves(program, 'countersign');

describe('docs/cli.md', () => {
  it.each(COMMANDS)('describes %s with all of its options', (name, command) => {
    const start = reference.indexOf(`### \`${name}`);
    expect(start).toBeGreaterThan(-1);
    const end = reference.indexOf('\n##', start + 1);
    const section = reference.slice(start, end === -1 ? undefined : end);
    const missing = command.options.map(({ long }) => long ?? '').filter((long) => !section.includes(`\`${long}`));
    expect(missing).toEqual([]);
  });

  it('describes no command that there is not', () => {
    const described = [...reference.matchAll(/^### `(countersign[a-z ]*?)(?: [<[-].*)?`$/gm)].map(([, name]) => name);
    expect(described.sort()).toEqual(COMMANDS.map(([name]) => name).sort());
  });

  it.each(Object.values(EXIT))('lists exit code %i', (code) => {
    expect(reference).toMatch(new RegExp(`^\\| ${String(code)} +\\|`, 'm'));
  });

  it.each(Object.keys(cliEnvironmentSchema.shape).filter((name) => name !== 'TERM'))('lists %s', (name) => {
    expect(reference).toContain(`\`${name}\``);
  });
});

describe('--help', () => {
  it('of the program', async () => {
    const { exitCode, stdout } = await run(['--help'], { columns: 100 });
    expect(exitCode).toBe(0);
    expect(stdout).toMatchSnapshot();
  });

  it.each(COMMANDS.map(([name]) => name))('of %s', async (name) => {
    const { exitCode, stdout } = await run([...name.split(' ').slice(1), '--help'], { columns: 100 });
    expect(exitCode).toBe(0);
    expect(stdout).toMatchSnapshot();
  });
});
