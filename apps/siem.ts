import type { NotaryConfig } from '../src/config/notary.js';
import type { Ledger } from '../src/ledger/ledger.js';
import { createStatementVerifier } from '../src/record/verify-statement.js';
import { createActionContexts } from '../src/siem/action-contexts.js';
import { createSiemCursors } from '../src/siem/cursors.js';
import { destinationsOf } from '../src/siem/destinations.js';
import { createEventMapper } from '../src/siem/event-mapper.js';
import { runSiem } from '../src/siem/run-siem.js';
import { createLedgerSender } from '../src/siem/send-ledger.js';
import type { Runtime } from './runtime.js';

/** Sends the ledger to the sinks of the settings, until it is stopped; nothing where there are none. */
export function openSiem(
  { COUNTERSIGN_SIEM_SINKS: sinks }: Pick<NotaryConfig, 'COUNTERSIGN_SIEM_SINKS'>,
  { pool, keyring, agentSigners, clock, logger, onInternal }: Runtime,
  ledger: Ledger,
): { stop(): Promise<void> } {
  if (sinks.length === 0) return { stop: () => Promise.resolve() };
  const verify = createStatementVerifier({ keyring, ...agentSigners });
  const cursors = createSiemCursors(pool);
  const senders = destinationsOf(sinks, { stdout: process.stdout, clock }).map((destination) =>
    createLedgerSender({
      destination,
      ledger,
      cursors,
      // Each its own: it learns of actions by what this sink is sent.
      eventsOf: createEventMapper({ verify, contexts: createActionContexts(pool, verify), clock }),
      onFault: (sink, error) => {
        logger.error({ sink, err: error }, 'The SIEM was not sent all of the ledger.');
      },
    }),
  );
  return runSiem({ pool, senders, onFault: onInternal });
}
