import type { z } from 'zod';
import { Refusal, type RefusalCode } from './errors.js';

const SHOWN_ISSUES = 5;

/**
 * What a schema found at fault, as a refusal that names the first field.
 * @param prefix where the parsed value stands, e.g. `params`; empty for the whole.
 */
export function refusalOfIssues(
  issues: readonly z.core.$ZodIssue[],
  code: RefusalCode = 'field_invalid',
  prefix = '',
): Refusal {
  const named = issues
    .slice(0, SHOWN_ISSUES)
    .map((issue) => ({ field: fieldOf(issue, prefix), message: issue.message }));
  const [first] = named;
  const message = named
    .map((issue) => `${issue.field === '' ? 'the whole' : issue.field}: ${issue.message}`)
    .join('; ');
  return new Refusal(code, message, first === undefined || first.field === '' ? null : first.field);
}

/** Parses, or refuses naming the field. */
export function parseOrRefuse<T>(
  schema: z.ZodType<T>,
  value: unknown,
  code: RefusalCode = 'field_invalid',
  prefix = '',
): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw refusalOfIssues(parsed.error.issues, code, prefix);
}

function fieldOf(issue: z.core.$ZodIssue, prefix: string): string {
  // An unknown key is reported at its parent: the key itself is what the sender looks for.
  const extra = issue.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
  return [...(prefix === '' ? [] : [prefix]), ...issue.path.map(String), ...extra].join('.');
}
