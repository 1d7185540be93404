import type { ClientConfig } from 'pg';
import { ServiceFault } from '../../core/errors.js';
import type { Secret } from '../../core/secret.js';
import type { PostgresTarget } from '../postgres.js';

/** Whether a host never leaves this machine. */
export function isLoopback(host: string): boolean {
  return /^(127(\.\d{1,3}){3}|::1|localhost)$/.test(host);
}

/**
 * How to reach a target. Every field is given, because pg reads the ones that are not from the environment.
 * @throws ServiceFault when the target is to be reached without TLS over a network.
 */
export function connectionConfig(
  target: PostgresTarget,
  credential: { username: string; password: Secret },
  applicationName: string,
): ClientConfig {
  if (target.tls === 'disable' && !isLoopback(target.host)) {
    throw new ServiceFault(
      'target',
      `Target ${target.name}: "tls: disable" is only for loopback; set "verify-full" for ${target.host}.`,
      false,
    );
  }
  return {
    host: target.host,
    port: target.port,
    database: target.database,
    user: credential.username,
    password: credential.password.reveal(),
    ssl: target.tls === 'verify-full' ? { rejectUnauthorized: true, servername: target.host } : false,
    application_name: applicationName,
    options: '',
    client_encoding: 'UTF8',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  };
}
