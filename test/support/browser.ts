/** As much of a browser as a sign-in needs: cookies by host, redirects, forms. */
export interface Browser {
  open(url: string): Promise<Page>;
  submit(page: Page, fields: Record<string, string>): Promise<Page>;
  cookies: Map<string, string>;
}

export interface Page {
  url: string;
  status: number;
  headers: Headers;
  html: string;
}

export function createBrowser(): Browser {
  const cookies = new Map<string, string>();

  const request = async (url: string, body?: URLSearchParams): Promise<Page> => {
    const { host } = new URL(url);
    const sent = [...cookies]
      .filter(([key]) => key.startsWith(`${host} `))
      .map(([key, value]) => `${key.slice(host.length + 1)}=${value}`);
    const answer = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: sent.join('; ') },
      ...(body === undefined ? {} : { method: 'POST', body }),
    });
    for (const header of answer.headers.getSetCookie()) {
      const [pair = ''] = header.split(';');
      const [name = '', ...value] = pair.split('=');
      if (/max-age=0|expires=thu, 01 jan 1970/i.test(header)) cookies.delete(`${host} ${name}`);
      else cookies.set(`${host} ${name}`, value.join('='));
    }
    const location = answer.headers.get('location');
    if (location !== null) return request(new URL(location, url).href);
    return { url, status: answer.status, headers: answer.headers, html: await answer.text() };
  };

  return {
    cookies,
    open: (url) => request(url),
    async submit(page, fields) {
      const action = /<form[^>]*\saction="([^"]+)"/.exec(page.html)?.[1];
      if (action === undefined) throw new Error(`${page.url} (${String(page.status)}) holds no form: ${page.html}`);
      return request(new URL(action, page.url).href, new URLSearchParams(fields));
    },
  };
}
