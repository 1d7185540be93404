import { parseConfig } from '../../src/config/common.js';
import { runInstaller } from './installer.js';
import { installerConfigSchema } from './settings.js';

try {
  await runInstaller(parseConfig(installerConfigSchema, process.env), (message) =>
    process.stdout.write(`${message}\n`),
  );
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
