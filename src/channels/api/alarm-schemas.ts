import { z } from 'zod';
import { digestSchema } from '../../core/schemas/primitives.js';
import { statementBodySchemas } from '../../core/schemas/statements.js';
import type { AlarmState } from '../clearing.js';

export const alarmSchema = statementBodySchemas.alarm
  .extend({
    digest: digestSchema.describe('Of the signed statement; names the alarm.'),
    cleared: statementBodySchemas.clearance
      .omit({ alarm: true, via: true })
      .nullable()
      .describe('Who looked into it, and what they found; null while it stands.'),
  })
  .meta({ id: 'Alarm' });

/** What people and receivers are shown of an alarm. */
export function toAlarm({ digest, body, cleared }: AlarmState): z.infer<typeof alarmSchema> {
  if (cleared === null) return { ...body, digest, cleared };
  const { reason, by, clearedAtMs } = cleared;
  return { ...body, digest, cleared: { reason, by, clearedAtMs } };
}

export const alarmsSchema = z.object({ alarms: z.array(alarmSchema) });

export const alarmParamsSchema = z.strictObject({ digest: digestSchema });

export const clearanceBodySchema = z.strictObject({
  reason: z.string().max(2_000).default('').describe('Required: what was found, and why work may go on.'),
});
