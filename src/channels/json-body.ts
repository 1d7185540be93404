import { Refusal } from '../core/errors.js';

/**
 * The JSON in a body, whatever sent it.
 * @throws Refusal `body_not_utf8` or `body_malformed`.
 */
export function parseJsonBody(body: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw new Refusal('body_not_utf8', 'The body is not UTF-8.');
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal('body_malformed', 'The body is not JSON.');
  }
}
