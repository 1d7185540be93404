import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startDevStack, type DevStack } from './dev-stack.js';
import { EXAMPLE_AGENT } from './example.js';
import { createTerminal, type Terminal } from './terminal.js';

/** Well-known ports of the development stack, so that its addresses can be remembered. */
const DEV_PORTS = { temporal: 7233, temporalUi: 8233, vault: 8200, postgres: 5433, oidc: 8481, gateway: 8480 };

// From dist/apps/devstack/.
const CLI = fileURLToPath(new URL('../cli/main.js', import.meta.url));

export interface DevOptions {
  /** Where keys, logs, bundle and outputs are put; emptied first. Default `.countersign/dev` in the working directory. */
  folder?: string;
}

/** Keeps the whole stack up until SIGINT or SIGTERM, and prints the addresses. */
export async function runDev({ folder = join(process.cwd(), '.countersign/dev') }: DevOptions): Promise<void> {
  const terminal = createTerminal(false);
  const { say, step } = terminal;
  // From the start: what is pressed while the services come up ends them as soon as they are up.
  const interrupted = nextInterruption();
  const stack = await startDevStack({ folder, ports: DEV_PORTS, say, step });
  if (!interrupted.already()) printAddresses(stack, folder, terminal);
  await interrupted.promise;
  await step('Stopping', () => stack.stop());
}

function nextInterruption(): { promise: Promise<void>; already(): boolean } {
  let already = false;
  const promise = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => {
        already = true;
        resolve();
      });
  });
  return { promise, already: () => already };
}

function printAddresses(stack: DevStack, folder: string, { say, style }: Terminal): void {
  const { services, place, agentKeyFile } = stack;
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
  say('  In another terminal (lines can be pasted as they are; ACTION stands for the id that the request prints):');
  for (const line of commandsToTry(stack)) say(`    ${line}`);
  say();
  say(`  Ctrl-C stops everything and forgets its data; the logs stay in ${join(folder, 'logs')}.`);
}

/** An agent asks, ben approves; every line as a shell takes it. */
function commandsToTry({ services, place, installation, agentKeyFile, keyringFile }: DevStack): string[] {
  const { temporal, vault, oidc } = services;
  return [
    `countersign() { '${process.execPath}' '${CLI}' "$@"; }`,
    `export COUNTERSIGN_GATEWAY_URL=${place.gatewayUrl} COUNTERSIGN_OIDC_ISSUER=${oidc.issuer}`,
    `export COUNTERSIGN_AGENT=${EXAMPLE_AGENT} COUNTERSIGN_AGENT_KEY_FILE='${agentKeyFile}'`,
    `export COUNTERSIGN_ROOT_KEY=${installation.root.publicKey} COUNTERSIGN_KEYRING_FILE='${keyringFile}'`,
    `export COUNTERSIGN_POLICY_DIR='${place.policyDir}' COUNTERSIGN_POLICY_DIGEST=${place.policyDigest}`,
    `export COUNTERSIGN_TEMPORAL_ADDRESS=${temporal.address} COUNTERSIGN_TEMPORAL_NAMESPACE=${temporal.namespace} COUNTERSIGN_VAULT_ADDRESS=${vault.address}`,
    'countersign doctor',
    'countersign request --operation database.export --param target=orders --param format=csv \\',
    '  --param "query=select id, status from orders where id <= 10" --reason "A try"',
    'countersign login      # as ben, who is a DBA',
    'countersign list',
    'countersign approve ACTION --reason "Fine"',
    'countersign show ACTION --wait',
    'countersign verify ACTION',
    'countersign download ACTION --out orders.csv',
  ];
}
