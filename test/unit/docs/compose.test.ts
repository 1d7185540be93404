import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { z } from 'zod';
import { oidcConfigSchema } from '../../../apps/devstack/oidc-settings.js';
import { FILE_KEEPERS } from '../../../apps/health/health-file.js';
import { installerConfigSchema } from '../../../apps/installer/settings.js';
import { executorConfigSchema } from '../../../src/config/executor.js';
import { gatewayConfigSchema } from '../../../src/config/gateway.js';
import { notaryConfigSchema } from '../../../src/config/notary.js';
import { workerConfigSchema } from '../../../src/config/worker.js';

interface Service {
  image: string;
  command?: string[];
  environment?: Record<string, string>;
  volumes?: string[];
  ports?: string[];
  user?: string;
  network_mode?: string;
  healthcheck?: { test: string[] };
}

const source = await readFile(new URL('../../../docker-compose.yml', import.meta.url), 'utf8');
const { services, volumes } = parse(source, { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, null>;
};

const SCHEMAS: Record<string, z.ZodObject<Record<string, z.ZodType>>> = {
  gateway: gatewayConfigSchema,
  worker: workerConfigSchema,
  executor: executorConfigSchema,
  notary: notaryConfigSchema,
  installer: installerConfigSchema,
  oidc: oidcConfigSchema,
};
const PROCESSES = ['gateway', 'worker', 'executor', 'notary'];

/** What compose puts in place of `${NAME:?message}`. */
function interpolated(value: string): string {
  return value
    .replace(/\$\{(?:ACCESS_)?AGENT_PUBLIC_KEY:\?[^}]*\}/, 'AAAA')
    .replace(/\$\{[A-Z_]+:\?[^}]*\}/g, 'secret');
}

describe.each(Object.entries(SCHEMAS))('docker-compose.yml, %s', (name, schema) => {
  const environment = services[name]?.environment ?? {};
  const settings = Object.keys(schema.shape);
  const nameOf = (variable: string): string =>
    settings.includes(variable) ? variable : variable.replace(/_FILE$/, '');

  test('gives only settings that it knows', () => {
    const unknown = Object.keys(environment).filter((variable) => !settings.includes(nameOf(variable)));
    expect(unknown).toEqual([]);
  });

  test('gives every setting that it requires', () => {
    const given = Object.keys(environment).map(nameOf);
    const required = settings.filter((setting) => schema.shape[setting]?.safeParse(undefined).success === false);
    expect(required.filter((setting) => !given.includes(setting))).toEqual([]);
  });

  test('gives values that it accepts', () => {
    const refused = Object.entries(environment).filter(
      ([variable, value]) =>
        settings.includes(variable) && schema.shape[variable]?.safeParse(interpolated(value)).success !== true,
    );
    expect(refused).toEqual([]);
  });
});

describe('docker-compose.yml', () => {
  test.each(PROCESSES)('%s reads secrets from its own volume only', (name) => {
    const mounted = services[name]?.volumes?.map((volume) => volume.split(':')[0]) ?? [];
    expect(mounted).toContain(name);
    expect(mounted.filter((volume) => volume !== name && volume !== undefined && PROCESSES.includes(volume))).toEqual(
      [],
    );
    expect(mounted).not.toContain('vault-admin');
    // The key that signs keyrings.
    expect(mounted).not.toContain('root');
  });

  test.each(PROCESSES)('%s runs its own main file', (name) => {
    expect(services[name]?.command).toEqual(['node', `dist/apps/${name}/main.js`]);
  });

  test('checks the health of all that stays up', () => {
    // What sets up, ends.
    const staying = Object.entries(services).filter(([name]) => !['installer', 'temporal-schema'].includes(name));
    expect(staying.filter(([, { healthcheck }]) => healthcheck === undefined)).toEqual([]);
  });

  test.each<string>(FILE_KEEPERS)('%s, which listens on nothing, is asked by its own file', (name) => {
    expect(services[name]?.healthcheck?.test).toEqual(['CMD', 'node', 'dist/apps/health/main.js', name]);
  });

  test('has the processes that act on databases reach them on loopback, where there is no TLS, with a password', () => {
    expect(services['installer']?.environment?.['COUNTERSIGN_INSTALL_TARGET_HOST']).toBe('127.0.0.1');
    expect(services['postgres']?.environment?.['POSTGRES_INITDB_ARGS']).toBe('--auth-host=scram-sha-256');
    const beside = PROCESSES.filter((name) => services[name]?.network_mode === 'service:postgres');
    expect(beside).toEqual(['worker', 'executor', 'notary']);
  });

  test('publishes on loopback only', () => {
    const ports = Object.values(services).flatMap((service) => service.ports ?? []);
    expect(ports.length).toBeGreaterThan(3);
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  });

  test('pins every image to a version', () => {
    const images = Object.values(services).map(({ image }) => image);
    expect(images.filter((image) => !/:\d+\.\d+(\.\d+)?$/.test(image))).toEqual([]);
  });

  test('holds no secret: passwords come from the environment, and stop it when they are missing', () => {
    const assigned = [...source.matchAll(/^ *[A-Z_]*(?:PASSWORD|PWD|SECRET|TOKEN): *(.*)$/gm)].map(
      ([, value]) => value,
    );
    expect(assigned.length).toBeGreaterThan(2);
    expect(assigned.filter((value) => !/^\$\{[A-Z_]+:\?/.test(value ?? ''))).toEqual([]);
  });

  test('declares the volumes that it mounts', () => {
    const mounted = Object.values(services)
      .flatMap((service) => service.volumes ?? [])
      .map((volume) => volume.split(':')[0] ?? '')
      .filter((volume) => !volume.startsWith('.'));
    expect([...new Set(mounted)].sort()).toEqual(Object.keys(volumes).sort());
  });
});
