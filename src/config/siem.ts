import { parse } from 'yaml';
import { z } from 'zod';
import { sinkKinds, type AnySinkSettings } from '../siem/sinks/catalog.gen.js';

const SINKS = 10;

const sinkSchema = z.discriminatedUnion(
  'kind',
  sinkKinds.map(({ schema }) => schema) as unknown as [z.core.$ZodTypeDiscriminable],
) as unknown as z.ZodType<AnySinkSettings>;

const sinksSchema = z
  .array(sinkSchema)
  .max(SINKS)
  .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'must have names that differ');

/** Settings of the SIEM's sinks: notary. */
export const siemConfigSchema = z.object({
  COUNTERSIGN_SIEM_SINKS: z
    .string()
    .transform((text, context): AnySinkSettings[] => {
      const parsed = sinksSchema.safeParse(yamlOrNull(text));
      if (parsed.success) return parsed.data;
      for (const { path, message } of parsed.error.issues)
        context.addIssue({ code: 'custom', message: `${path.join('.') || 'the list'}: ${message}` });
      return z.NEVER;
    })
    .default([])
    .describe(
      `Where the ledger is sent as OCSF events, at most ${String(SINKS)} sinks: YAML or JSON, \`- {kind: syslog, name: main, host: …}\`; ` +
        'see docs/siem.md. It holds no secrets, only names of files with them. Best given as a file.',
    ),
});

function yamlOrNull(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return null;
  }
}
