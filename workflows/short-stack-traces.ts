// The SDK takes the stack of every promise that a workflow makes, translates each frame by the source map, and keeps it for as
// long as the promise waits (for the query `__stack_trace`). Its own hook's frames come first, two of them before Node 24 and then one: with
// no more than two there is next to nothing to translate and to keep, and an error still tells where it was thrown and who called. See ADR 31.
// Not by assignment: where modules are not preloaded, `Error` is frozen already, and keeps its frames.
Reflect.set(Error, 'stackTraceLimit', 2);
