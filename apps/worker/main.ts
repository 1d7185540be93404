import { workerConfigSchema } from '../../src/config/worker.js';
import { runProcess } from '../run-process.js';
import { startWorker } from './worker.js';

await runProcess(workerConfigSchema, startWorker);
