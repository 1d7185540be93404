import type { Command } from 'commander';
import { z } from 'zod';
import { lookOf, report, type CommandHost, type GlobalOptions } from '../host.js';
import { renderOperations, type ListedOperation, type ParametersSchema } from '../render/operations.js';

export function addOperations({ program, context }: CommandHost): void {
  program
    .command('operations')
    .description('List the kinds of actions that this release knows, with their parameters.')
    .action(async (_options: unknown, command: Command) => {
      // The operations bring their targets' clients with them: they would slow down every other command.
      const { operations: catalog } = await import('../../../src/operations/catalog.gen.js');
      const operations = [...catalog.values()]
        .map(({ name, description, targetKind, paramsSchema }): ListedOperation => {
          const parameters = z.toJSONSchema(paramsSchema, { io: 'input', unrepresentable: 'any' }) as ParametersSchema;
          return { name, description, targetKind, parameters };
        })
        .sort((one, other) => (one.name < other.name ? -1 : 1));
      report(context, command.optsWithGlobals<GlobalOptions>(), { operations }, () =>
        renderOperations(operations, lookOf(context)),
      );
    });
}
