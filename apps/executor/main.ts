import { executorConfigSchema } from '../../src/config/executor.js';
import { runProcess } from '../run-process.js';
import { startExecutor } from './executor.js';

await runProcess(executorConfigSchema, startExecutor);
