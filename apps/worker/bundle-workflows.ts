import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

// Built ahead, so that every worker of a release runs the same code and starts without a compiler.
const dist = new URL('../../', import.meta.url);
const { code } = await bundleWorkflowCode({
  workflowsPath: fileURLToPath(new URL('workflows/index.js', dist)),
  payloadConverterPath: fileURLToPath(new URL('workflows/payload-converter.js', dist)),
  logger: new DefaultLogger('WARN'),
});
await writeFile(fileURLToPath(new URL('workflow-bundle.js', dist)), code);
