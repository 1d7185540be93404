import { z } from 'zod';
import { parseConfig } from '../../src/config/common.js';
import { hostConfigSchema } from '../../src/config/host.js';
import { FILE_KEEPERS, whyUnhealthy } from './health-file.js';

// A container's health check, with the environment of the process: `node dist/apps/health/main.js worker`.
const name = z.enum(FILE_KEEPERS).parse(process.argv[2]);
const why = await whyUnhealthy(name, parseConfig(hostConfigSchema, process.env), Date.now());
if (why !== null) {
  process.stderr.write(`${why}\n`);
  process.exitCode = 1;
}
