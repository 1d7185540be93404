import { z } from 'zod';
import { Refusal, ServiceFault } from '../../core/errors.js';
import { redact } from '../../core/redact.js';
import { visibleLine } from '../../core/visible-text.js';

const lineSchema = z.object({
  type: z.string().optional(),
  diagnostic: z
    .object({
      severity: z.string(),
      summary: z.string(),
      address: z.string().optional(),
      detail: z.string().optional(),
    })
    .optional(),
});

/** The first error of what OpenTofu printed with `-json`, as one line for people; null when there is none. */
export function firstError(output: string): { summary: string; line: string } | null {
  for (const line of output.split('\n')) {
    if (!line.startsWith('{')) continue;
    const parsed = lineSchema.safeParse(jsonOf(line));
    const diagnostic = parsed.data?.diagnostic;
    if (diagnostic?.severity !== 'error') continue;
    const { summary, address, detail = '' } = diagnostic;
    // Providers put what they like into the detail: only its beginning, and nothing that looks like a secret.
    const text = `${address === undefined ? '' : `${address}: `}${summary}${detail === '' ? '' : `: ${detail}`}`;
    return { summary, line: forPeople(text) };
  }
  return null;
}

/**
 * Why nothing could be planned, as something to throw: somebody else's lock passes, what the configuration says does not.
 */
export function complaintOf(step: 'init' | 'plan', printed: string): Refusal | ServiceFault {
  const found = firstError(printed);
  const said = found?.line ?? forPeople(/Error: ([^]{0,600})/.exec(printed)?.[1] ?? 'it gave no reason');
  if (isLockHeld(printed)) {
    return new ServiceFault('target', 'The state is locked: another plan or apply is under way. Nothing ran.', true);
  }
  if (/pq: |dial tcp|connection refused|failed to connect/i.test(printed) && !/permission denied/.test(printed)) {
    return new ServiceFault('target', 'The database of the state could not be reached. Nothing ran.', true);
  }
  return new Refusal('plan_failed', `OpenTofu fails the ${step}: ${said}`.slice(0, 900), 'params.source');
}

export function isLockHeld(printed: string): boolean {
  return printed.includes('Error acquiring the state lock');
}

function forPeople(text: string): string {
  return visibleLine(redact(text.replaceAll(/\s+/g, ' ').trim()).text).slice(0, 600);
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
