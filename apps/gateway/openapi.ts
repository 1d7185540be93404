import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildOpenApi } from '../../src/channels/api/openapi.js';

// From dist/apps/gateway/.
const file = fileURLToPath(new URL('../../../docs/openapi.json', import.meta.url));
const text = await buildOpenApi();

if (!process.argv.includes('--check')) {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
} else if ((await readFile(file, 'utf8').catch(() => '')) !== text) {
  process.stderr.write('docs/openapi.json is not what the routes say: run `npm run openapi`.\n');
  process.exitCode = 1;
}
