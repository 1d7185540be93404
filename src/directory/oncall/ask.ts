import type { z } from 'zod';
import { ServiceFault } from '../../core/errors.js';
import type { ServiceAccess } from './source.js';

const TIMEOUT_MS = 5_000;
const MAX_BYTES = 1_000_000;

/** One question to an outside service. */
export interface Question<T> {
  /** As people know it, e.g. `PagerDuty`. */
  service: string;
  /** Null: it is not configured. */
  access: ServiceAccess | null;
  /** Path and query below the API's address; every part from outside is encoded. */
  path: string;
  headers: (token: string) => Record<string, string>;
  schema: z.ZodType<T>;
}

/** @throws ServiceFault `on-call`, without what the service said: it may hold more than people should see. */
export async function ask<T>({ service, access, path, headers, schema }: Question<T>): Promise<T> {
  if (access === null) throw fault(`${service} is named in the directory, but no token is configured for it`);
  let status: number;
  let text: string;
  try {
    const response = await fetch(`${access.apiUrl}${path}`, {
      headers: headers(access.token.reveal()),
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    status = response.status;
    text = await response.text();
  } catch {
    // Without its cause: an error of fetch may name the address with all that is in it.
    throw fault(`${service} cannot be reached`);
  }
  if (status !== 200) throw fault(`${service} answered ${String(status)}`);
  const parsed = text.length > MAX_BYTES ? undefined : schema.safeParse(toJson(text)).data;
  if (parsed === undefined) throw fault(`${service} answered something else than is documented`);
  return parsed;
}

function toJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function fault(why: string): ServiceFault {
  return new ServiceFault('on-call', `${why}.`, true);
}
