import { z } from 'zod';

export interface DeviceSignIn {
  readonly issuer: string;
  readonly clientId: string;
  readonly resource: string;
  readonly scope: string;
  readonly personId: string;
}

const discoverySchema = z.object({ device_authorization_endpoint: z.url(), token_endpoint: z.url() });
const deviceSchema = z.object({ device_code: z.string(), user_code: z.string(), verification_uri: z.url() });
const tokenSchema = z.object({ access_token: z.string() });

/** Signs a person in as the CLI and a browser would (RFC 8628): device code, user code, the provider's forms, token. */
export async function signInByDevice({ issuer, clientId, resource, scope, personId }: DeviceSignIn): Promise<string> {
  const discovery = discoverySchema.parse(await json(await fetch(`${issuer}/.well-known/openid-configuration`)));
  const asked = await fetch(discovery.device_authorization_endpoint, {
    method: 'POST',
    body: new URLSearchParams({ client_id: clientId, scope, resource }),
  });
  const device = deviceSchema.parse(await json(asked));

  await enterUserCode({ verificationUri: device.verification_uri, userCode: device.user_code, personId });
  const grant = {
    client_id: clientId,
    grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    device_code: device.device_code,
  };
  return tokenSchema.parse(
    await json(await fetch(discovery.token_endpoint, { method: 'POST', body: new URLSearchParams(grant) })),
  ).access_token;
}

/** What a person does in the browser after a device showed them a code: enter it, confirm it, sign in. */
export async function enterUserCode(shown: {
  readonly verificationUri: string;
  readonly userCode: string;
  readonly personId: string;
}): Promise<void> {
  const { verificationUri, userCode, personId } = shown;
  const browser = createBrowser();
  const codeForm = await browser.open(verificationUri);
  const confirmForm = await browser.submit(codeForm, { user_code: userCode });
  const loginForm = await browser.submit(confirmForm, { confirm: 'yes' });
  const person = await browser.submit(loginForm, { person: personId });
  if (person.status !== 200)
    throw new Error(`${verificationUri} did not sign ${personId} in (${String(person.status)}): ${person.html}`);
}

interface Page {
  readonly url: string;
  readonly status: number;
  readonly html: string;
}

// As much of a browser as the forms need: cookies, redirects, hidden fields.
function createBrowser(): {
  open(url: string): Promise<Page>;
  submit(page: Page, fields: Record<string, string>): Promise<Page>;
} {
  const cookies = new Map<string, { value: string; path: string }>();

  const request = async (url: string, body?: URLSearchParams): Promise<Page> => {
    const { pathname } = new URL(url);
    const sent = [...cookies]
      .filter(([, { path }]) => pathname.startsWith(path))
      .map(([name, { value }]) => `${name}=${value}`);
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: sent.join('; ') },
      ...(body ? { method: 'POST', body } : {}),
    });
    for (const cookie of response.headers.getSetCookie()) remember(cookies, cookie);
    const location = response.headers.get('location');
    const html = await response.text();
    return location === null ? { url, status: response.status, html } : request(new URL(location, url).href);
  };

  return {
    open: async (url) => request(url),
    submit: async (page, fields) => {
      const action = /<form[^>]*\saction="([^"]+)"/.exec(page.html)?.[1];
      if (action === undefined) throw new Error(`${page.url} (${String(page.status)}) holds no form: ${page.html}`);
      const inputs = [...page.html.matchAll(/<input\b[^>]*\btype="hidden"[^>]*>/g)].map(([tag]) => tag);
      const hidden = inputs.map((tag): [string, string] => [attribute(tag, 'name'), attribute(tag, 'value')]);
      return request(new URL(action, page.url).href, new URLSearchParams({ ...Object.fromEntries(hidden), ...fields }));
    },
  };
}

function remember(cookies: Map<string, { value: string; path: string }>, header: string): void {
  const [pair = '', ...attributes] = header.split('; ');
  const [name = '', ...value] = pair.split('=');
  const path = attributes.find((part) => part.toLowerCase().startsWith('path='))?.slice(5) ?? '/';
  const isExpired = attributes.some(
    (part) => part.toLowerCase().startsWith('expires=') && Date.parse(part.slice(8)) < Date.now(),
  );
  if (isExpired) cookies.delete(name);
  else cookies.set(name, { value: value.join('='), path });
}

function attribute(tag: string, name: string): string {
  return new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1] ?? '';
}

async function json(response: Response): Promise<unknown> {
  if (!response.ok) throw new Error(`${response.url} answered ${String(response.status)}: ${await response.text()}`);
  return response.json();
}
