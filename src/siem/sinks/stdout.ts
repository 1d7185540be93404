import { z } from 'zod';
import { SinkFault, type OpenSink, type SinkKind } from '../sink.js';
import { sinkName } from './settings.js';

const schema = z.strictObject({ kind: z.literal('stdout'), name: sinkName });

/** One event a line on the notary's standard output, for whoever collects containers' logs. */
export const siemSink: SinkKind<z.infer<typeof schema>> = {
  kind: 'stdout',
  schema,
  resendAfterBreak: () => 0,
  async open(_settings, { stdout }) {
    return openStdout(stdout);
  },
};

function openStdout(stdout: NodeJS.WritableStream): OpenSink {
  return {
    async send(events) {
      const lines = events.map(({ json }) => `${json}\n`).join('');
      await new Promise<void>((resolve, reject) => {
        stdout.write(lines, (error) => {
          if (error) reject(new SinkFault('Standard output cannot be written.', null, { cause: error }));
          else resolve();
        });
      });
      return [];
    },
    isAlive: () => true,
    close: () => Promise.resolve(),
  };
}
