import { createPublicKey } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { parse } from 'yaml';
import { readDevstackEnvironment } from '../../apps/devstack/environment.js';
import { dropDatabasesAndRoles } from '../../apps/devstack/installation/postgres-admin.js';
import { locateVault } from '../../apps/devstack/services/executables.js';
import { createPortChooser } from '../../apps/devstack/services/ports.js';
import { startProcess, stopAll, type ServiceProcess } from '../../apps/devstack/services/process.js';
import { databaseExport, databaseGrant } from '../../apps/devstack/operations/databases.js';
import { vaultPolicy } from '../../apps/devstack/operations/vault-policy.js';
import { runInstaller } from '../../apps/installer/installer.js';
import { installerConfigSchema, type InstallerConfig } from '../../apps/installer/settings.js';
import { createGatewayAgent } from '../../src/client/index.js';
import { SEARCH_ATTRIBUTES } from '../../src/contracts/search-attributes.js';
import type { ProcessName } from '../../src/core/schemas/statements.js';
import { makeKey } from '../support/signing.js';
import { until } from '../support/until.js';

const root = new URL('../../', import.meta.url).pathname;
const PROCESSES: readonly ProcessName[] = ['gateway', 'worker', 'executor', 'notary'];
const NAMESPACE = 'installer-test';

// What docker-compose.yml does, without containers: its Vault configuration, its installer, its processes' environments.
describe('the installation of docker-compose.yml', () => {
  const { postgres, temporal, oidc } = inject('services');
  const started: ServiceProcess[] = [];
  const said: string[] = [];
  const agents = { 'export-bot': makeKey('agent/export-bot'), 'access-bot': makeKey('agent/access-bot') };
  let folder: string;
  let vaultAddress: string;
  let config: InstallerConfig;
  let gatewayUrl: string;

  const startVault = async (): Promise<ServiceProcess> => {
    const vault = await startProcess({
      name: 'Vault',
      executable: locateVault(readDevstackEnvironment()),
      args: ['server', `-config=${join(folder, 'vault.hcl')}`],
      env: { HOME: folder },
      logFile: join(folder, 'vault.log'),
    });
    started.push(vault);
    await vault.untilReady(() =>
      fetch(`${vaultAddress}/v1/sys/health?standbyok=true&sealedcode=200&uninitcode=200`).then(
        ({ ok }) => ok,
        () => false,
      ),
    );
    return vault;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'countersign-installer-'));
    const port = await createPortChooser().choose('Vault');
    vaultAddress = `http://127.0.0.1:${String(port)}`;
    const hcl = await readFile(join(root, 'deploy/vault.hcl'), 'utf8');
    const ours = hcl
      .replace('/vault/file', await mkdtemp(join(folder, 'vault-')))
      .replace('0.0.0.0:8200', `127.0.0.1:${String(port)}`)
      .replace('vault:8201', `127.0.0.1:${String(port + 1)}`);
    // OpenBao refuses audit devices through the API unless told otherwise.
    await writeFile(join(folder, 'vault.hcl'), `${ours}\nunsafe_allow_api_audit_creation = true\n`);
    config = installerConfigSchema.parse({
      COUNTERSIGN_INSTALL_FOLDER: join(folder, 'install'),
      COUNTERSIGN_INSTALL_POSTGRES_ADMIN_URL: postgres.adminUrl,
      COUNTERSIGN_INSTALL_TARGET_HOST: '127.0.0.1',
      COUNTERSIGN_INSTALL_AGENT_KEY: agents['export-bot'].publicKey.publicKey,
      COUNTERSIGN_INSTALL_ACCESS_AGENT_KEY: agents['access-bot'].publicKey.publicKey,
      COUNTERSIGN_INSTALL_VAULT_AUDIT_FILE: join(folder, 'audit.log'),
      COUNTERSIGN_VAULT_ADDRESS: vaultAddress,
      COUNTERSIGN_TEMPORAL_ADDRESS: temporal.address,
      COUNTERSIGN_TEMPORAL_NAMESPACE: NAMESPACE,
    });
    const vault = await startVault();
    await runInstaller(config, (message) => said.push(message));
    // A restarted Vault is sealed, and every login is used or old: this is what `docker compose up -d` finds.
    await vault.stop();
    await startVault();
    await runInstaller(config, (message) => said.push(message));
  });

  afterAll(async () => {
    await stopAll(started.reverse().map((process) => () => process.stop()));
    const databases = ['countersign_record', 'countersign_orders', 'countersign_orders_staging'];
    await dropDatabasesAndRoles(postgres.adminUrl, databases, 'countersign_');
    await rm(folder, { recursive: true, force: true });
  });

  test('sets up once and issues logins each time', () => {
    const counted = (word: string): number => said.filter((message) => message.includes(word)).length;
    expect([counted('set up.'), counted('Already installed'), counted('new Vault login')]).toEqual([1, 1, 2]);
  });

  test('registers the eight search attributes', async () => {
    const connection = await Connection.connect({ address: temporal.address });
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace: NAMESPACE });
    await connection.close();
    expect(Object.keys(customAttributes)).toEqual(
      expect.arrayContaining(Object.values(SEARCH_ATTRIBUTES).map(({ name }) => name)),
    );
  });

  test.each(['gateway/record-url', 'executor/wrapped-secret-id', 'admin/vault.json', 'root/root.pem'])(
    '%s can be read by its owner only',
    async (file) => {
      expect(((await stat(join(folder, 'install', file))).mode & 0o777).toString(8)).toBe('600');
    },
  );

  test('keeps the key by which the keyring can be rotated', async () => {
    const read = (file: string): Promise<string> => readFile(join(folder, 'install', file), 'utf8');
    const { x = '' } = createPublicKey(await read('root/root.pem')).export({ format: 'jwk' });
    expect(Buffer.from(x, 'base64url').toString('base64')).toBe(await read('place/root-key'));
  });

  test('all four processes start with the environments that the compose file gives them', async () => {
    const { services } = parse(await readFile(join(root, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
      services: Record<ProcessName, { environment: Record<string, string> }>;
    };
    const gatewayPort = await createPortChooser().choose('the gateway');
    gatewayUrl = `http://127.0.0.1:${String(gatewayPort)}`;
    for (const name of PROCESSES) {
      const logFile = join(folder, `${name}.log`);
      const process = await startProcess({
        name,
        executable: globalThis.process.execPath,
        args: [join(root, 'dist/apps', name, 'main.js')],
        env: {
          ...mounted(services[name].environment, name, join(folder, 'install')),
          COUNTERSIGN_TEMPORAL_ADDRESS: temporal.address,
          COUNTERSIGN_TEMPORAL_NAMESPACE: NAMESPACE,
          COUNTERSIGN_VAULT_ADDRESS: vaultAddress,
          ...(name === 'gateway' && {
            COUNTERSIGN_GATEWAY_HOST: '127.0.0.1',
            COUNTERSIGN_GATEWAY_PORT: String(gatewayPort),
            COUNTERSIGN_PUBLIC_URL: gatewayUrl,
            COUNTERSIGN_OIDC_ISSUER: oidc.issuer,
          }),
        },
        logFile,
      });
      started.push(process);
      await process.untilReady(async () => (await readFile(logFile, 'utf8')).includes('{"ready":true}'));
    }
    const answer = await fetch(`${gatewayUrl}/readyz`);
    expect(await answer.json()).toMatchObject({ ready: true });
  });

  test.each([databaseExport, databaseGrant, vaultPolicy])(
    '$operation can be asked for there, and is held',
    async (live) => {
      const agentId = live.agent as keyof typeof agents;
      const { signer, publicKey } = agents[agentId];
      const { example } = await live.provide({ logFolder: folder, defer: () => undefined });
      const agent = createGatewayAgent({ url: gatewayUrl, signer: { ...signer, publicKey, agentId } });
      const { actionId } = await agent.request({ operation: live.operation, ...example() });
      await until(async () => (await agent.get(actionId)).state !== 'preparing');
      expect((await agent.get(actionId)).state).toBe('waiting');
    },
  );
});

/** Paths inside a container, as the volumes of the compose file put them. */
function mounted(environment: Record<string, string>, name: ProcessName, folder: string): Record<string, string> {
  const places = [
    ['/run/countersign', join(folder, name)],
    ['/place', join(folder, 'place')],
    ['/var/lib/countersign', join(folder, 'data')],
    ['/app/', root],
  ] as const;
  return Object.fromEntries(
    Object.entries(environment).map(([key, value]) => {
      const place = places.find(([path]) => value.startsWith(path));
      return [key, place === undefined ? value : value.replace(place[0], place[1])];
    }),
  );
}
