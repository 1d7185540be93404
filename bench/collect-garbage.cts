// CommonJS, because `--require` reaches every thread of the worker that is weighed, and `--import` does not.
const { setFlagsFromString } = process.getBuiltinModule('node:v8');
const { runInNewContext } = process.getBuiltinModule('node:vm');

// The flag itself is not allowed in NODE_OPTIONS.
setFlagsFromString('--expose-gc');
setInterval(runInNewContext('gc') as () => void, 500).unref();
