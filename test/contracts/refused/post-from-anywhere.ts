import { postRaw, type RawAnswer, type RawRequest } from '../../support/raw-request.js';
import type { Office } from '../channel-office.js';

let senders = 0;

/** Posts it from another address each time: the record takes so many refusals from each. The office trusts 127.0.0.1 as a proxy. */
export function postFromAnywhere(
  { stack }: Office,
  path: string,
  { rawHeaders, body }: RawRequest,
): Promise<RawAnswer> {
  senders += 1;
  const from = ['x-forwarded-for', `192.0.2.${String(senders)}`];
  return postRaw(stack.gatewayUrl + path, { rawHeaders: [...rawHeaders, ...from], body });
}
