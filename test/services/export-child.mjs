// Runs one export of the compiled operation and prints its result and the peak of its memory. Input: JSON on stdin.
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { Secret } from '../../dist/src/core/secret.js';
import { operation } from '../../dist/src/operations/database-export.js';

const { credential, ...input } = JSON.parse(await text(process.stdin));
const result = await operation.execute({
  ...input,
  credential: { ...credential, material: { password: new Secret(credential.material.password) } },
  host: { scratchDir: '', program() {} },
  retainUntilMs: Date.now() + 60_000,
  progress() {},
  signal: AbortSignal.timeout(60_000),
  async beginEffect() {},
});
// Not maxRSS: that begins with what the process that started this one had.
const [, peakKibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(await readFile('/proc/self/status', 'utf8'));
console.log(JSON.stringify({ result, peakBytes: Number(peakKibibytes) * 1024 }));
