// Sequences until it is killed. Input: JSON on the command line; says `leading` when it took over.
import { createPrivateKey, sign } from 'node:crypto';
import { startSequencer } from '../../dist/src/ledger/sequencer.js';
import { createRecordPool } from '../../dist/src/record/postgres/pool.js';

const { url, origin, publicKey, privateKey } = JSON.parse(process.argv[2]);
const key = createPrivateKey({ key: Buffer.from(privateKey, 'base64'), format: 'der', type: 'pkcs8' });
const signer = { keyid: 'checkpoint/1', sign: async (all) => all.map((one) => new Uint8Array(sign(null, one, key))) };
const sequencer = startSequencer({
  pool: createRecordPool({ url: { reveal: () => url } }),
  origin,
  signing: () => ({ publicKey, signer }),
  keys: () => [{ name: origin, publicKey }],
  changes: { subscribe: () => () => undefined },
  highestSeen: async () => null,
  onCheckpoint: () => undefined,
  onFault: async (fault) => console.error(JSON.stringify(fault)),
  onInternal: (error) => console.error(String(error)),
  clock: Date.now,
  batchSize: 40,
  pace: { standByMs: 5, gatherMs: 0, slowPollMs: 2 },
});
const told = setInterval(() => {
  if (!sequencer.isLeading()) return;
  clearInterval(told);
  console.log('leading');
}, 1);
