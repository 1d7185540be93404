import type { Flag, Severity } from '../core/schemas/action.js';
import type { TargetBase } from '../targets/target-kind.js';
import { nameForPeople } from './database-export/names-for-people.js';

/** One flag. */
export function flag(code: string, severity: Severity, sentence: string): Flag {
  return { code, severity, sentence: sentence.slice(0, 500) };
}

/** `production` (medium), where the target's environment is called so. */
export function productionFlag(
  { name, environment }: Pick<TargetBase, 'name' | 'environment'>,
  kind: string,
): Flag | null {
  return environment === 'production' ? flag('production', 'medium', `${name} is a production ${kind}.`) : null;
}

/** `unusual_hour` (medium), outside the target's business hours, in its time zone. */
export function unusualHourFlag({ name, hours }: Pick<TargetBase, 'name' | 'hours'>, nowMs: number): Flag | null {
  const at = clockOf(hours.timeZone).format(nowMs);
  const hour = Number(at.slice(0, 2));
  // `from` after `to` means hours across midnight.
  const isUsual = hours.from < hours.to ? hour >= hours.from && hour < hours.to : hour >= hours.from || hour < hours.to;
  if (isUsual) return null;
  return flag(
    'unusual_hour',
    'medium',
    `It is ${at} in ${hours.timeZone}; ${name} is usually worked on from ${String(hours.from)} to ${String(hours.to)} o'clock.`,
  );
}

// Making one takes longer than all flags together. There are as many as targets name time zones.
const clocks = new Map<string, Intl.DateTimeFormat>();

function clockOf(timeZone: string): Intl.DateTimeFormat {
  const format = { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const;
  const clock = clocks.get(timeZone) ?? new Intl.DateTimeFormat('en-GB', format);
  clocks.set(timeZone, clock);
  return clock;
}

/** Names from the target in a sentence: visible, and counted where they are too many. */
export function listNames(names: readonly string[]): string {
  const shown: string[] = [];
  for (const name of names.map(nameForPeople)) {
    if (shown.join(', ').length + name.length > 300) break;
    shown.push(name);
  }
  const more = names.length - shown.length;
  return more === 0 ? shown.join(', ') : `${shown.join(', ')} and ${String(more)} more`;
}
