import { z } from 'zod';
import type { Secret } from '../../core/secret.js';
import { TeamsFault } from './teams-api.js';

export interface BotTokenOptions {
  appId: string;
  password: Secret;
  /** OAuth 2.0 token endpoint. */
  tokenUrl: string;
  scope: string;
  clock: () => number;
}

const answerSchema = z.looseObject({ access_token: z.string().min(1), expires_in: z.coerce.number().positive() });

const TIMEOUT_MS = 10_000;
/** A token is not used in its last minutes. */
const MARGIN_MS = 5 * 60 * 1000;

/**
 * The bot's own access token, by its client credentials, kept until shortly before it ends. The SDK would bring MSAL for
 * this, which takes no other endpoints and keeps tokens in a cache of the whole process.
 * @returns a function that rejects with TeamsFault `refused` (nothing was sent to Teams yet).
 */
export function createBotToken(options: BotTokenOptions): () => Promise<string> {
  let token: { value: string; endsAtMs: number } | undefined;
  let asking: Promise<string> | undefined;
  return () => {
    if (token !== undefined && options.clock() < token.endsAtMs) return Promise.resolve(token.value);
    asking ??= ask(options)
      .then(({ access_token: value, expires_in: seconds }) => {
        const lifetimeMs = seconds * 1_000;
        token = { value, endsAtMs: options.clock() + Math.max(lifetimeMs - MARGIN_MS, lifetimeMs / 2) };
        return value;
      })
      .finally(() => (asking = undefined));
    return asking;
  };
}

async function ask({ appId, password, tokenUrl, scope }: BotTokenOptions): Promise<z.infer<typeof answerSchema>> {
  let answer: Response;
  try {
    answer = await fetch(tokenUrl, {
      method: 'POST',
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: appId,
        client_secret: password.reveal(),
        scope,
      }),
    });
    if (answer.ok) return answerSchema.parse(await answer.json());
  } catch {
    throw new TeamsFault('refused', 'The sign-in service for the Teams bot did not answer.');
  }
  // 400 and 401 tell that app id or password is wrong: still temporary, as an operator may put it right.
  const message = `The sign-in service for the Teams bot answered with HTTP status ${String(answer.status)}.`;
  throw new TeamsFault('refused', message);
}
