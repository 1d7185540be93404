// A thread in the place of the one that assesses a proposed bundle: does what such a bundle must not be able to.
import { parentPort, workerData } from 'node:worker_threads';
import { policySetTextToParts } from '../../dist/src/policy/cedar.js';
import { assess } from '../../dist/src/policy/governed/assess.js';

const brackets = 100_000;
const trap = () =>
  policySetTextToParts(
    `permit (principal, action, resource) when { ${'('.repeat(brackets)}true${')'.repeat(brackets)} };`,
  );

const attacks = {
  traps: trap,
  'traps where policy is asked, which takes it for a no': () => {
    const change = JSON.parse(workerData.document);
    // Read last: by then the comparison has been made.
    const requests = {
      length: 0,
      flatMap() {
        try {
          trap();
        } catch {
          return [];
        }
      },
    };
    parentPort.postMessage(assess({ ...change, requests }));
  },
  hangs: () => {
    for (;;);
  },
  'takes memory': () => {
    for (const kept = []; ;) kept.push(new Array(100_000).fill({}));
  },
  'takes memory beside the heap': () => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    for (;;) {
      const at = memory.grow(64);
      new Uint8Array(memory.buffer, 65_536 * at).fill(1);
    }
  },
  'ends early': () => process.exit(0),
};

attacks[workerData.before.attack]();
