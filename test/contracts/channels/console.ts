import { createBrowser } from '../../support/browser.js';
import type { Who } from '../channel-office.js';
import type { ChannelSubject } from '../channel-subject.js';
import { sitAtHttp } from '../http-seat.js';

interface Session {
  cookie: string;
  csrf: string;
}

/** The full view: a session's cookie, freshly signed in, and requests as its page sends them. */
export const subject: ChannelSubject = {
  folder: 'api',
  channel: 'web',
  isFullView: true,
  forged: { unknownAction: 'action_unknown', anotherAction: 'digest_mismatch' },
  async start(office) {
    const { gatewayUrl } = office.stack;
    const sessions = new Map<Who, Promise<Session>>();
    const sessionOf = (who: Who): Promise<Session> => {
      const session = sessions.get(who) ?? signIn(gatewayUrl, who);
      sessions.set(who, session);
      return session;
    };
    return sitAtHttp(office, async (who, method) => {
      const { cookie, csrf } = await sessionOf(who);
      const proof: Record<string, string> = method === 'GET' ? {} : { 'x-countersign-csrf': csrf };
      return { cookie, 'sec-fetch-site': 'same-origin', ...proof };
    });
  },
};

async function signIn(gatewayUrl: string, who: Who): Promise<Session> {
  const browser = createBrowser();
  await browser.submit(await browser.open(`${gatewayUrl}/sign-in?fresh=1`), { person: who });
  const cookie = [...browser.cookies]
    .filter(([key]) => key.startsWith(`${new URL(gatewayUrl).host} `))
    .map(([key, value]) => `${key.split(' ')[1] ?? ''}=${value}`)
    .join('; ');
  const answer = await fetch(`${gatewayUrl}/session`, { headers: { cookie, 'sec-fetch-site': 'same-origin' } });
  const { csrf } = (await answer.json()) as { csrf?: string };
  if (csrf === undefined) throw new Error(`${who} was not signed in`);
  return { cookie, csrf };
}
