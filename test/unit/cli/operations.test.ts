import { describe, expect, it } from 'vitest';
import { renderOperations } from '../../../apps/cli/render/operations.js';
import { createStyle } from '../../../apps/cli/render/style.js';
import { widthOfText } from '../../../apps/cli/render/layout.js';
import { operations } from '../../../src/operations/catalog.gen.js';
import { run } from './run.js';

interface Listed {
  operations: { name: string; targetKind: string; parameters: { required?: string[] } }[];
}

// Loading all operations takes seconds on a busy machine.
describe('countersign operations', { timeout: 30_000 }, () => {
  it('lists every operation, with the JSON Schema of its parameters', async () => {
    const { exitCode, stdout } = await run(['operations', '--json']);
    expect(exitCode).toBe(0);
    const listed = (JSON.parse(stdout) as Listed).operations;
    expect(listed.map(({ name }) => name)).toEqual([...operations.keys()].sort());
    expect(listed.find(({ name }) => name === 'database.export')).toMatchObject({
      targetKind: 'postgres',
      parameters: { type: 'object', required: ['target', 'query', 'format'], additionalProperties: false },
    });
  });

  it('says to people what each parameter may be', async () => {
    const { stdout } = await run(['operations'], { columns: 100 });
    for (const line of [
      'database.export  on postgres',
      '    query       text, at most 20,000 characters',
      '    format      "csv" or "ndjson"',
      '    maxRows     whole number, 1 to 1,000,000 (optional)',
    ])
      expect(stdout.split('\n')).toContain(line);
  });

  it.each([40, 80, 140])('keeps to a width of %i', async (columns) => {
    const { stdout } = await run(['operations'], { columns });
    expect(stdout.split('\n').filter((line) => widthOfText(line) > columns)).toEqual([]);
  });
});

describe('several forms of parameters', () => {
  it('are shown one after the other', () => {
    const parameters = {
      oneOf: [
        { properties: { do: { const: 'set' }, text: { type: 'string' } }, required: ['do', 'text'] },
        { properties: { do: { const: 'delete' } }, required: ['do'] },
      ],
    };
    const listed = [{ name: 'a.b', description: 'Does it.', targetKind: 'thing', parameters }];
    expect(renderOperations(listed, { width: 80, style: createStyle(false) })).toEqual([
      'a.b  on thing',
      '  Does it.',
      '    do    "set"',
      '    text  text',
      '  or',
      '    do    "delete"',
    ]);
  });
});
