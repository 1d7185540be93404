import type { Provenance } from '../directory/directory.js';
import { digestOf } from '../core/json.js';
import type { ActionRequest } from '../core/schemas/action.js';

/** By what a request is known as one that its agent made already: people are asked for the same once, while it is open. */
export interface AskedOnce {
  /** Of agent, operation, parameters and taint. Reason, log, link and times are words about it and do not count. */
  digest: string;
  /** Of the people on whose behalf it is verified to be asked; null when nobody was proven. */
  onBehalfOf: string | null;
}

/** What of a request makes another one the same. */
export function askedOnce(
  { agent, operation, params, tainted = false }: ActionRequest,
  provenance: Provenance | null,
): AskedOnce {
  const people = provenance && { prompters: [...provenance.prompters], schedulers: [...provenance.schedulers] };
  return { digest: digestOf({ agent, operation, params, tainted }), onBehalfOf: people && digestOf(people) };
}
