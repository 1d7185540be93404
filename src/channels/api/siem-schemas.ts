import { z } from 'zod';
import { timeMsSchema } from '../../core/schemas/primitives.js';

const sinkStatusSchema = z
  .object({
    sink: z.string().describe('Its name, of the configuration.'),
    kind: z.string().describe('E.g. `syslog`.'),
    next: z.int().describe('Index of the next entry of the ledger that is to be sent.'),
    lastUid: z.string().nullable().describe('`metadata.uid` of the last event that was sent.'),
    lagEntries: z.int().describe('Entries that were not sent yet.'),
    lagSeconds: z.int().describe('Age of the oldest of them; 0 when there is none.'),
    rejected: z.int().describe('Events that the receiver refused for good.'),
    sentAtMs: timeMsSchema.nullable().describe('When events were last sent.'),
    lastError: z.string().nullable().describe('Why the last attempt failed; null when it did not.'),
    failingSinceMs: timeMsSchema.nullable(),
    seenAtMs: timeMsSchema.describe('When a notary last worked for this sink.'),
  })
  .meta({ id: 'SiemSink' });

export const siemStatusSchema = z.object({
  ledgerSize: z.int().describe('Entries that the newest checkpoint of the ledger covers.'),
  sinks: z.array(sinkStatusSchema),
});
