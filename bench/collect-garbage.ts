import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { COLLECT_EVERY_MS } from './collection.js';

// Loaded into every thread of the worker that is weighed. The flag itself is not allowed in NODE_OPTIONS.
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
setInterval(collect, COLLECT_EVERY_MS).unref();
