import { join } from 'node:path';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { startDevStack } from './dev-stack.js';
import { playDemo } from './demo-play.js';
import { createTerminal } from './terminal.js';

// High ports, so that a running `countersign dev` is not in the way.
const DEMO_PORTS = {
  temporal: 27_233,
  temporalUi: 28_233,
  vault: 28_200,
  postgres: 25_433,
  oidc: 28_481,
  gateway: 28_480,
};

const attended = process.stdin.isTTY && !process.argv.includes('--yes');
const terminal = createTerminal(attended);
const folder = await mkdtemp(join(tmpdir(), 'countersign-demo-'));
let stop: () => Promise<void> = async () => undefined;

const end = async (code: number): Promise<never> => {
  await terminal.step('Stopping everything', stop);
  if (code === 1) await keepLogs();
  await rm(join(folder, 'stack'), { recursive: true, force: true });
  process.exit(code);
};
const keepLogs = async (): Promise<void> => {
  await rename(join(folder, 'stack/logs'), join(folder, 'logs')).then(
    () => process.stderr.write(`The logs are in ${join(folder, 'logs')}.\n`),
    () => undefined, // it failed before there were any
  );
};
process.once('SIGINT', () => void end(130));
process.once('SIGTERM', () => void end(143));

terminal.say();
terminal.say(terminal.style.bold('Countersign: an agent asks for a production export'));
terminal.say();
try {
  const stack = await startDevStack({
    folder: join(folder, 'stack'),
    ports: DEMO_PORTS,
    say: terminal.say,
    step: terminal.step,
  });
  stop = stack.stop;
  const ok = await playDemo(stack, terminal, join(folder, 'orders.csv'));
  await terminal.pause('The stack is still up; open the address above. Press Enter to stop it.');
  await end(ok ? 0 : 1);
} catch (error) {
  process.stderr.write(
    `\nThe demo did not come to its end: ${error instanceof Error ? error.message : String(error)}\n`,
  );
  await end(1);
}
