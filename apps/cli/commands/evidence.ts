import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { writeWhole } from '../../../src/client/write-whole.js';
import { connectAsPerson } from '../connect.js';
import { UsageError } from '../exit-codes.js';
import { report, type CommandHost, type GlobalOptions } from '../host.js';

interface EvidenceOptions extends GlobalOptions {
  out?: string;
}

export function addEvidence({ program, context }: CommandHost): void {
  program
    .command('evidence')
    .description('Fetch all about an action in one file, which anybody can check offline: see countersign verify.')
    .argument('<id>', "the action's id")
    .option('-o, --out <file>', 'where to put it; must not be there yet (default: <id>.evidence.json)')
    .action(async (actionId: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<EvidenceOptions>();
      const path = options.out ?? `${actionId}.evidence.json`;
      if (existsSync(path)) throw new UsageError(`--out: ${path} is already there.`);
      const api = await connectAsPerson(context, options);
      const written = await writeWhole(await api.evidence(actionId), path);
      report(context, options, { actionId, path, ...written }, () => [
        `${path}  ${String(written.bytes)} bytes, SHA-256 ${written.sha256}`,
        `It holds the policy and the directory of people whole. Check it: countersign verify ${path} --root <key>`,
      ]);
    });
}
