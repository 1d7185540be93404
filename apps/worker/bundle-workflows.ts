import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

// Built ahead, so that every worker of a release runs the same code and starts without a compiler.
const dist = new URL('../../', import.meta.url);
const workflowsPath = fileURLToPath(new URL('workflows/index.js', dist));
const { code } = await bundleWorkflowCode({
  workflowsPath,
  // Loaded once for all workflows of a worker, so that what the engine has compiled and optimised is shared: a quarter of the
  // memory of a waiting action, and most of the time of its first signature. Modules must therefore keep no state (ESLint).
  preloadModules: [workflowsPath],
  payloadConverterPath: fileURLToPath(new URL('workflows/payload-converter.js', dist)),
  failureConverterPath: fileURLToPath(new URL('workflows/failure-converter.js', dist)),
  logger: new DefaultLogger('WARN'),
});
await writeFile(fileURLToPath(new URL('workflow-bundle.js', dist)), code);
