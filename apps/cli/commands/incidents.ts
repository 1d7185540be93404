import type { Command } from 'commander';
import { connectAsPerson } from '../connect.js';
import { lookOf, report, type CommandHost, type GlobalOptions } from '../host.js';
import { renderIncidents } from '../render/incidents.js';
import { parseLimit } from './list.js';

interface IncidentsOptions extends GlobalOptions {
  of?: string;
  limit: number;
  before?: string;
}

export function addIncidents({ program, context }: CommandHost): void {
  program
    .command('incidents')
    .description('List incidents, newest first: effects that were not what had been declared, stolen credentials.')
    .option('--of <agent>', 'only incidents of this agent')
    .option('--limit <count>', 'at most this many', parseLimit, 20)
    .option('--before <place>', 'only incidents older than the page that named this')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<IncidentsOptions>();
      const { of, limit, before } = options;
      const api = await connectAsPerson(context, options);
      const page = await api.incidents({
        limit,
        ...(of !== undefined && { agent: of }),
        ...(before !== undefined && { before }),
      });
      report(context, options, page, () => renderIncidents(page, lookOf(context)));
    });
}
