import { parentPort, workerData } from 'node:worker_threads';
import { assess, type ProposedChange } from './assess.js';

// Lives for one assessment: see `createAssessing`.
parentPort?.postMessage(assess(workerData as ProposedChange));
