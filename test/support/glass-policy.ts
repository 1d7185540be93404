import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { examplePolicies, placesOfTargets } from '../../apps/devstack/place.js';
import { writeBundle } from '../../src/policy/write-bundle.js';
import { BUILT_CONSOLE } from './console.js';
import type { TestInstallation } from './installation.js';
import type { Prepared } from './stack.js';

/** The example's policy, whose exports two of security may let run when it burns; with the built full view. */
export async function offerGlass(installation: TestInstallation, folder: string): Promise<Prepared> {
  await writeBundle(examplePolicies, folder, { targets: placesOfTargets(installation) });
  const file = join(folder, 'database-export.cedar');
  const text = await readFile(file, 'utf8');
  const offering = text.replace('@remind("5m")\n', '@remind("5m")\n@breakglass("security:2, 1m, 24h")\n');
  if (offering === text) throw new Error('the example has no reminder to put the glass beside');
  await writeFile(file, offering);
  return { policies: folder, extra: { gateway: { COUNTERSIGN_CONSOLE_DIR: BUILT_CONSOLE } } };
}
