import { z } from 'zod';
import type { AssuranceSettings } from '../core/assurance.js';

/** Settings of gateway and executor, which both judge sign-ins: give both the same. */
export const assuranceConfigSchema = z.object({
  COUNTERSIGN_ASSURANCE_MAX_AGE_SECONDS: z.coerce
    .number()
    .int()
    .min(30)
    .max(86_400)
    .default(300)
    .describe(
      'For actions with `@assurance("web")`: how long before the decision the person may have signed in. ' +
        'The same for gateway and executor.',
    ),
  COUNTERSIGN_ASSURANCE_ACR_VALUES: z
    .string()
    .transform((list) => (list.trim() === '' ? [] : list.split(',').map((value) => value.trim())))
    .refine((values) => values.every((value) => /^[\x21-\x7e]{1,200}$/.test(value)), 'must be separated by commas')
    .default([])
    .describe(
      'For actions with `@assurance("web")`: values of `acr`, separated by commas, of which the sign-in must have one, e.g. ' +
        '`phr,phrh`. Empty: any. The same for gateway and executor.',
    ),
});
export type AssuranceConfig = z.infer<typeof assuranceConfigSchema>;

export function assuranceSettings(config: AssuranceConfig): AssuranceSettings {
  return {
    maxAgeMs: config.COUNTERSIGN_ASSURANCE_MAX_AGE_SECONDS * 1_000,
    acrValues: config.COUNTERSIGN_ASSURANCE_ACR_VALUES,
  };
}
