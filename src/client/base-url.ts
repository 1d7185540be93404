import { Refusal } from '../core/errors.js';

export interface BaseUrlOptions {
  /** Lets an `http` address of another machine through: whoever is on the way can read and change all. Default: false. */
  insecureHttp?: boolean;
}

/**
 * A gateway's address in the one form that names it: no slash at the end, no query.
 * @throws Refusal `field_invalid`: of field `gateway` when it is no http(s) address, or holds a user name or password;
 *   of field `insecureHttp` when it is an `http` address of another machine and that is not switched on.
 */
export function normaliseBaseUrl(text: string, { insecureHttp = false }: BaseUrlOptions = {}): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['https:', 'http:'].includes(url.protocol) || url.username !== '' || url.password !== '') {
    throw new Refusal('field_invalid', 'The gateway must be an http or https address.', 'gateway');
  }
  const base = `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
  if (!insecureHttp && !isEncryptedOrLocal(url)) {
    throw new Refusal(
      'field_invalid',
      `The gateway ${base} is not reached over TLS: tokens and requests would travel in clear. ` +
        'Use its https address, or set insecureHttp: true where the network itself is trusted.',
      'insecureHttp',
    );
  }
  return base;
}

/** Whether what is sent to an address is encrypted on its way, or does not leave this machine. */
export function isEncryptedOrLocal(url: URL): boolean {
  // The URL standard has made an IPv4 address of whatever ends in a number: `127.1`, and never `127.0.0.1.example`.
  const isLoopback = ['localhost', '[::1]'].includes(url.hostname) || /^127(\.\d{1,3}){3}$/.test(url.hostname);
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback);
}
