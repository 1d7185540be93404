import { join } from 'node:path';
import { startDevStack, type DevStack } from './dev-stack.js';
import { EXAMPLE_AGENT } from './example.js';
import { createTerminal, type Terminal } from './terminal.js';

/** Well-known ports of the development stack, so that its addresses can be remembered. */
export const DEV_PORTS = { temporal: 7233, temporalUi: 8233, vault: 8200, postgres: 5433, oidc: 8481, gateway: 8480 };

export interface DevOptions {
  /** Where keys, logs, bundle and outputs are put; emptied first. Default `.countersign/dev` in the working directory. */
  folder?: string;
}

/** Keeps the whole stack up until SIGINT or SIGTERM, and prints the addresses. */
export async function runDev({ folder = join(process.cwd(), '.countersign/dev') }: DevOptions): Promise<void> {
  const terminal = createTerminal(false);
  const { say, step } = terminal;
  const stack = await startDevStack({ folder, ports: DEV_PORTS, say, step });
  printAddresses(stack, terminal);
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => {
      resolve();
    });
    process.once('SIGTERM', () => {
      resolve();
    });
  });
  await step('Stopping', () => stack.stop());
}

function printAddresses(
  { services, place, installation, agentKeyFile, keyringFile }: DevStack,
  { say, style }: Terminal,
): void {
  const rows = [
    ['gateway', place.gatewayUrl],
    ['Temporal UI', services.temporal.uiUrl],
    ['Temporal', `${services.temporal.address}, namespace ${services.temporal.namespace}`],
    ['Vault', services.vault.address],
    ['sign-in', services.oidc.issuer],
    ['policy', `${place.policyDir} (${place.policyDigest.slice(0, 12)}…)`],
    ['agent key', agentKeyFile],
  ] as const;
  say();
  for (const [label, value] of rows) say(`  ${style.bold(label.padEnd(12))} ${value}`);
  say();
  say('  In another terminal:');
  say(`    export COUNTERSIGN_GATEWAY_URL=${place.gatewayUrl} COUNTERSIGN_OIDC_ISSUER=${services.oidc.issuer}`);
  say(`    export COUNTERSIGN_ROOT_KEY=${installation.root.publicKey} COUNTERSIGN_KEYRING_FILE=${keyringFile}`);
  say(`    countersign request --agent ${EXAMPLE_AGENT} --key-file ${agentKeyFile} --operation database.export \\`);
  say(
    `      --param target=orders --param "query=select id, status from orders where id <= 10" --param format=csv --reason "A try"`,
  );
  say('    countersign login      # as ben, who is a DBA');
  say('    countersign list --open');
  say();
  say('  Everything is gone when this ends (Ctrl-C).');
}
