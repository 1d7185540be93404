import { join } from 'node:path';
import { startOidc, type OidcOptions, type OidcService } from './oidc.js';
import { startPostgres, type PostgresOptions, type PostgresService } from './postgres.js';
import { stopAll } from './process.js';
import { startTemporal, type TemporalOptions, type TemporalService } from './temporal.js';
import { startVault, type VaultOptions, type VaultService } from './vault.js';

export interface ServicesOptions {
  /** Where each service's log goes. */
  readonly logDirectory: string;
  readonly temporal: Omit<TemporalOptions, 'logFile'>;
  readonly vault?: Omit<VaultOptions, 'logFile'>;
  readonly postgres?: Omit<PostgresOptions, 'logFile'>;
  readonly oidc: OidcOptions;
}

export interface Services {
  readonly temporal: TemporalService;
  readonly vault: VaultService;
  readonly postgres: PostgresService;
  readonly oidc: OidcService;
  /** Stops all of them; resolves when their processes are gone. */
  stop(): Promise<void>;
}

/** Starts all services at once. When one fails, the others are stopped before the error is thrown. */
export async function startServices({ logDirectory, ...options }: ServicesOptions): Promise<Services> {
  const started: (() => Promise<void>)[] = [];
  const track = async <Service extends { stop(): Promise<void> }>(starting: Promise<Service>): Promise<Service> => {
    const service = await starting;
    started.push(async () => service.stop());
    return service;
  };
  const starting = [
    track(startTemporal({ ...options.temporal, logFile: join(logDirectory, 'temporal.log') })),
    track(startVault({ ...options.vault, logFile: join(logDirectory, 'vault.log') })),
    track(startPostgres({ ...options.postgres, logFile: join(logDirectory, 'postgres.log') })),
    track(startOidc({ ...options.oidc, logFile: join(logDirectory, 'oidc.log') })),
  ] as const;
  try {
    const [temporal, vault, postgres, oidc] = await Promise.all(starting);
    return { temporal, vault, postgres, oidc, stop: async () => stopAll(started) };
  } catch (error) {
    await Promise.allSettled(starting); // what is still starting must be known before it can be stopped
    await stopAll(started);
    throw error;
  }
}
