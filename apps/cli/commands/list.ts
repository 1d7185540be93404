import { InvalidArgumentError, type Command } from 'commander';
import { connectAsEither, type AgentOptions } from '../connect.js';
import { lookOf, report, type CommandHost, type GlobalOptions } from '../host.js';
import { renderList } from '../render/list.js';

interface ListOptions extends GlobalOptions, AgentOptions {
  all?: boolean;
  of?: string;
  limit: number;
  before?: string;
}

export function addList({ program, context }: CommandHost): void {
  program
    .command('list')
    .description('List actions, newest first: by default those that have not ended.')
    .option('--all', 'also those that have ended')
    .option('--of <agent>', 'only actions of this agent')
    .option('--limit <count>', 'at most this many', parseLimit, 20)
    .option('--before <id>', 'only actions older than this one')
    .option('--agent <id>', 'look as this agent, with its key')
    .option('--key-file <file>', "the agent's private key")
    .option('--token-file <file>', 'token of an agent without a key')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ListOptions>();
      const { all, of, limit, before } = options;
      const api = await connectAsEither(context, options);
      const page = await api.list({
        limit,
        ...(all !== true && { open: true }),
        ...(of !== undefined && { agent: of }),
        ...(before !== undefined && { before }),
      });
      report(context, options, page, () => renderList(page, lookOf(context)));
    });
}

/** How many entries of a list are wanted. @throws InvalidArgumentError */
export function parseLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > 100)
    throw new InvalidArgumentError('Give a number from 1 to 100.');
  return limit;
}
