// Loaded before a program that listens on all interfaces: whatever it wishes, it listens on 127.0.0.1.
import { Server } from 'node:net';

const listen = Server.prototype.listen;

/** `listen(port, …)` and `listen({ port }, …)`; nothing else is needed. */
Server.prototype.listen = function (wished, ...more) {
  const port = typeof wished === 'object' ? wished.port : wished;
  if (!/^\d+$/.test(String(port))) throw new Error(`loopback-only: not a port: ${String(port)}`);
  const listener = more.filter((each) => typeof each === 'function');
  return listen.call(this, { port: Number(port), host: '127.0.0.1' }, ...listener);
};
