import { notaryConfigSchema } from '../../src/config/notary.js';
import { runProcess } from '../run-process.js';
import { startNotary } from './notary.js';

await runProcess(notaryConfigSchema, startNotary);
