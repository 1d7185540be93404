import { parse } from 'yaml';
import { z } from 'zod';
import { sinkKinds, type AnySinkSettings } from '../siem/sinks/catalog.gen.js';
import { receiverList } from './receivers.js';

const SINKS = 10;

const sinkSchema = z.discriminatedUnion(
  'kind',
  sinkKinds.map(({ schema }) => schema) as unknown as [z.core.$ZodTypeDiscriminable],
) as unknown as z.ZodType<AnySinkSettings>;

/** Settings of the SIEM's sinks: notary. */
export const siemConfigSchema = z.object({
  COUNTERSIGN_SIEM_SINKS: receiverList(sinkSchema, { most: SINKS, parse: (text) => parse(text) as unknown }).describe(
    `Where the ledger is sent as OCSF events, at most ${String(SINKS)} sinks: YAML or JSON, \`- {kind: syslog, name: main, host: …}\`; ` +
      'see docs/siem.md. It holds no secrets, only names of files with them. Best given as a file.',
  ),
});
