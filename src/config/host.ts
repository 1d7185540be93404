import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { z } from 'zod';

const absolute = z.string().refine(isAbsolute, 'must be an absolute path');

/** What operations may use of the machine: settings of the worker and the executor. */
export const hostConfigSchema = z.object({
  COUNTERSIGN_SCRATCH_DIR: absolute
    .default(() => join(tmpdir(), 'countersign'))
    .describe(
      'Private folder for scratch files of operations; created when it is missing. Default: below the temporary folder.',
    ),
  COUNTERSIGN_PROGRAMS: z
    .string()
    .default('')
    .transform((text) =>
      text
        .split(',')
        .filter((part) => part !== '')
        .map((part) => part.split('=')),
    )
    .pipe(z.array(z.tuple([z.string().regex(/^[a-z][a-z0-9-]{0,40}$/), absolute])))
    .describe('Programs that operations may run, as name=path, with commas between, e.g. tofu=/usr/bin/tofu.'),
});
export type HostConfig = z.infer<typeof hostConfigSchema>;
