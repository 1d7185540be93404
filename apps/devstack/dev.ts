import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { visibleJson } from '../../src/core/visible-text.js';
import type { Style } from '../cli/render/style.js';
import { startDevStack, type DevStack } from './dev-stack.js';
import { readDevstackEnvironment } from './environment.js';
import { EXAMPLE_AGENT } from './example.js';
import { findOffer, type Offer } from './operations/offer.js';
import { quoted, requestLines } from './operations/paste.js';
import { createTerminal, type Terminal } from './terminal.js';

/** Well-known ports of the development stack, so that its addresses can be remembered. */
const DEV_PORTS = { temporal: 7233, temporalUi: 8233, vault: 8200, postgres: 5433, oidc: 8481, gateway: 8480 };

// The same from the source (tests) and from dist: the command line is what the build made.
const CLI = fileURLToPath(new URL('../../dist/apps/cli/main.js', import.meta.url)).replace('/dist/dist/', '/dist/');

export interface DevOptions {
  /** Where keys, logs, bundle and outputs are put; emptied first. Default `.countersign/dev` in the working directory. */
  folder?: string;
  /** Folder of the bundle to start from. Default: the example. */
  policies?: string;
  /** One JSON document on standard output, and progress on standard error. Default: lines for people. */
  json?: boolean;
}

/** Keeps the whole stack up until SIGINT or SIGTERM, and prints the addresses. */
export async function runDev({
  folder = join(process.cwd(), '.countersign/dev'),
  policies,
  json = false,
}: DevOptions): Promise<void> {
  const terminal = createTerminal(false, json ? process.stderr : process.stdout);
  const { say, step, style } = terminal;
  // From the start: what is pressed while the services come up ends them as soon as they are up.
  const interrupted = nextInterruption();
  const offer = await findOffer();
  for (const line of ['', ...offerLines(offer, style), '']) say(line === '' ? '' : `  ${line}`);
  const { chats } = readDevstackEnvironment();
  const stack = await startDevStack({
    ...{ folder, ports: DEV_PORTS, say, step, chats, operations: offer.on },
    ...(policies !== undefined && { policies }),
  });
  if (!interrupted.already()) {
    if (json) process.stdout.write(`${visibleJson(factsOf(stack, folder, offer))}\n`);
    else printAddresses(stack, folder, terminal);
  }
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

/** Which operations can be asked for, and what turns on the others. */
export function offerLines({ on, off }: Offer, style: Style): string[] {
  return [
    style.bold('Operations'),
    ...on.map(({ operation }) => `  ${style.green('on ')}  ${operation}`),
    ...off.map(
      ({ operation, missing: { what, command } }) =>
        `  ${style.dim('off')}  ${operation.padEnd(16)} needs ${what}. To turn it on: ${style.bold(command)}`,
    ),
  ];
}

function printAddresses(stack: DevStack, folder: string, { say, style }: Terminal): void {
  const { services, place, agentKeyFiles } = stack;
  const rows = [
    ['gateway', place.gatewayUrl],
    ['Temporal UI', `${services.temporal.uiUrl}, in clear for who is signed in at ${place.gatewayUrl}/queue`],
    ['Temporal', `${services.temporal.address}, namespace ${services.temporal.namespace}`],
    ['Vault', services.vault.address],
    ['sign-in', services.oidc.issuer],
    ['policy', `${place.policyDir} (${place.policyDigest.slice(0, 12)}…)`],
    ['agents', Object.keys(agentKeyFiles).join(', ')],
    ['their keys', folder],
  ] as const;
  say();
  for (const [label, value] of rows) say(`  ${style.bold(label.padEnd(12))} ${value}`);
  say();
  say('  In another terminal; all lines can be pasted as they are. First, once in each shell:');
  for (const line of preamble(stack)) say(`    ${line}`);
  for (const example of pasteableExamples(stack)) {
    say();
    say(`  ${style.bold(example.operation)}, which ${example.approver} may approve:`);
    for (const line of example.lines) say(`    ${line}`);
  }
  say();
  say('  Then (ACTION stands for the id that the request prints):');
  for (const line of THEN) say(`    ${line}`);
  say();
  say('  To rotate a signing key of the processes:');
  for (const line of rotationLines(stack)) say(`    ${line}`);
  say();
  say(`  Ctrl-C stops everything and forgets its data; the logs stay in ${join(folder, 'logs')}.`);
}

const THEN = [
  'countersign doctor',
  'countersign list',
  'countersign login      # as the person who may approve it',
  'countersign show ACTION',
  'countersign approve ACTION --reason "Fine"',
  'countersign show ACTION --wait',
  'countersign verify ACTION',
  'countersign download ACTION --out orders.csv   # an export',
];

/** What the CLI reads from its environment to work with this stack. */
function environmentOf({
  services,
  place,
  installation,
  agentKeyFiles,
  keyringFile,
}: DevStack): Record<string, string> {
  const { temporal, vault, oidc } = services;
  return {
    COUNTERSIGN_GATEWAY_URL: place.gatewayUrl,
    COUNTERSIGN_OIDC_ISSUER: oidc.issuer,
    COUNTERSIGN_AGENT: EXAMPLE_AGENT,
    COUNTERSIGN_AGENT_KEY_FILE: agentKeyFiles[EXAMPLE_AGENT] ?? '',
    COUNTERSIGN_ROOT_KEY: installation.root.publicKey,
    COUNTERSIGN_KEYRING_FILE: keyringFile,
    COUNTERSIGN_POLICY_DIR: place.policyDir,
    COUNTERSIGN_POLICY_DIGEST: place.policyDigest,
    COUNTERSIGN_TEMPORAL_ADDRESS: temporal.address,
    COUNTERSIGN_TEMPORAL_NAMESPACE: temporal.namespace,
    COUNTERSIGN_VAULT_ADDRESS: vault.address,
  };
}

/** What `printAddresses` tells people, for programs: addresses, who may ask and approve, lines for a shell. */
function factsOf(stack: DevStack, folder: string, { off }: Pick<Offer, 'off'>): object {
  const { services, place, agentKeyFiles } = stack;
  const { address, namespace, uiUrl } = services.temporal;
  return {
    gateway: place.gatewayUrl,
    temporalUi: uiUrl,
    temporal: { address, namespace },
    vault: services.vault.address,
    signIn: services.oidc.issuer,
    policy: { folder: place.policyDir, digest: place.policyDigest },
    agents: Object.entries(agentKeyFiles).map(([agent, keyFile]) => ({ agent, keyFile })),
    logs: join(folder, 'logs'),
    environment: environmentOf(stack),
    operations: pasteableExamples(stack),
    operationsOff: off.map(({ operation, missing }) => ({ operation, needs: missing.what, command: missing.command })),
    rotateKey: rotationLines(stack),
  };
}

/** For a shell: the program, and where everything is. */
export function preamble(stack: DevStack): string[] {
  const settings = Object.entries(environmentOf(stack)).map(([name, value]) => `export ${name}=${quoted(value)}`);
  return [`countersign() { ${quoted(process.execPath)} ${quoted(CLI)} "$@"; }`, ...settings];
}

/** Rotates the key of decisions, as lines for a shell with the preamble. In production no machine has both root and Vault. */
export function rotationLines({ services, installation, keyringFile, rotation }: DevStack): string[] {
  const { transit } = installation.vault.mounts;
  const [keys, next] = [`${keyringFile}.keys`, `${keyringFile}.next`].map(quoted);
  return [
    `export COUNTERSIGN_VAULT_TOKEN="$(cat ${quoted(rotation.vaultTokenFile)})" COUNTERSIGN_VAULT_TRANSIT_MOUNT=${transit}`,
    `curl -sSf -X POST -H "X-Vault-Token: $COUNTERSIGN_VAULT_TOKEN" ${services.vault.address}/v1/${transit}/keys/decision/rotate`,
    `countersign keyring export --out ${keys ?? ''}`,
    `countersign keyring rotate --keys ${keys ?? ''} --previous ${quoted(keyringFile)} --root-key-file ${quoted(rotation.rootKeyFile)} --signs-in 0 --out ${next ?? ''}`,
    `mv ${next ?? ''} ${quoted(keyringFile)} && rm ${keys ?? ''}`,
  ];
}

/** A request for each operation that is on, as lines for a shell with the preamble. */
export function pasteableExamples({
  examples,
  agentKeyFiles,
}: DevStack): { operation: string; approver: string; lines: string[] }[] {
  return examples.map(({ operation, agent, approver, ...example }) => ({
    operation,
    approver,
    lines: requestLines({ operation, agent, keyFile: agentKeyFiles[agent] ?? '' }, example),
  }));
}
