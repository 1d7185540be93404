import { z } from 'zod';

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

/** Where something is sent by HTTP: without credentials in it, and encrypted unless it stays on this machine. */
export const receiverUrl = z
  .url({ protocol: /^https?$/ })
  .max(500)
  .refine((text) => {
    const url = URL.parse(text);
    return url !== null && url.username === '' && url.password === '' && url.hash === '';
  }, 'must hold no user name, no password and no fragment')
  .refine((text) => {
    const url = URL.parse(text);
    return url !== null && (url.protocol === 'https:' || LOOPBACK.includes(url.hostname));
  }, 'must be https, unless it is on this machine');

/**
 * A setting that is a list of receivers, each of another name, as text. What is wrong is named by its place in the list;
 * what was given may hold secrets, and is not repeated.
 * @param parse reads the text, e.g. JSON; it throws for what cannot be read.
 */
export function receiverList<T extends { name: string }>(
  receiver: z.ZodType<T>,
  { most, parse }: { most: number; parse: (text: string) => unknown },
) {
  const list = z
    .array(receiver)
    .max(most)
    .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'must have names that differ');
  return z
    .string()
    .transform((text, context): T[] => {
      const parsed = list.safeParse(parsedOrNull(text, parse));
      if (parsed.success) return parsed.data;
      for (const { path, message } of parsed.error.issues)
        context.addIssue({ code: 'custom', message: `${path.join('.') || 'the list'}: ${message}` });
      return z.NEVER;
    })
    .default([]);
}

function parsedOrNull(text: string, parse: (text: string) => unknown): unknown {
  try {
    return parse(text);
  } catch {
    return null;
  }
}
