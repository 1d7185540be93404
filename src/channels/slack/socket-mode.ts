import { SocketModeClient } from '@slack/socket-mode';
import { sha256Hex } from '../../core/json.js';
import type { Secret } from '../../core/secret.js';
import type { Log } from '../log.js';
import type { Entrance } from './entrance.js';
import { createReplayMemory, GUARD_LIMITS, type Admission } from './guard.js';
import { readCommand, readPayload, type Allowed } from './interaction.js';
import { silentLogger } from './silent-logger.js';

export interface SocketModeOptions extends Allowed {
  appToken: Secret;
  /** With a trailing slash. */
  apiUrl: string;
  entrance: Entrance;
  clock: () => number;
  log: Log;
  /** First wait before a connection is opened anew; doubled each time, at most a minute. Default 1,000. */
  reconnectAfterMs?: number;
}

/** A way in for interactions over a connection that we open: no address of ours needs to be reachable from outside. */
export interface SlackSocket {
  /** Ends the connection; what was acknowledged is finished by the entrance. */
  stop(): Promise<void>;
}

const LONGEST_WAIT_MS = 60_000;
const CALL_TIMEOUT_MS = 10_000;

/**
 * Keeps one Socket Mode connection open (https://docs.slack.dev/apis/events-api/using-socket-mode). Slack closes each now
 * and then and says so before; then, and whenever one breaks, the next is opened. Never throws: a Slack that is away
 * is asked again.
 */
export function startSocketMode(options: SocketModeOptions): SlackSocket {
  const { log, reconnectAfterMs = 1_000 } = options;
  const take = createTaker(options);
  const stopping = new AbortController();
  const isStopping = (): boolean => stopping.signal.aborted;
  const keepOpen = async (): Promise<void> => {
    let failures = 0;
    while (!isStopping()) {
      const lasted = await connectOnce(options, take, stopping.signal);
      failures = lasted ? 0 : failures + 1;
      // A connection that Slack recycled is replaced at once.
      if (failures === 0 || isStopping()) continue;
      log.warn({ failures }, 'Slack Socket Mode has no connection; it is tried again');
      await waitFor(Math.min(reconnectAfterMs * 2 ** (failures - 1), LONGEST_WAIT_MS), stopping.signal);
    }
  };
  const kept = keepOpen();
  return {
    async stop() {
      stopping.abort();
      await kept;
    },
  };
}

/** One connection from its beginning to its end; false when it never stood. */
async function connectOnce(options: SocketModeOptions, take: Take, stopping: AbortSignal): Promise<boolean> {
  const client = new GuardedClient(options);
  client.on('slack_event', (envelope: Envelope) => {
    void take(envelope);
  });
  const ended = new Promise<void>((resolve) => {
    client.on('disconnected', () => {
      resolve();
    });
  });
  const stop = (): void => void client.disconnect();
  try {
    await client.start();
  } catch (error) {
    options.log.warn(
      { reason: error instanceof Error ? error.name : typeof error },
      'Slack Socket Mode did not connect',
    );
    return false;
  }
  options.log.info({}, 'Slack Socket Mode is connected');
  stopping.addEventListener('abort', stop);
  if (stopping.aborted) stop();
  await ended;
  stopping.removeEventListener('abort', stop);
  return true;
}

/** Slack's client without its own reconnecting, which ends in an unhandled rejection when Slack is away. */
class GuardedClient extends SocketModeClient {
  readonly #log: Log;

  constructor({ appToken, apiUrl, log }: SocketModeOptions) {
    super({
      appToken: appToken.reveal(),
      autoReconnectEnabled: false,
      logger: silentLogger,
      clientOptions: {
        slackApiUrl: apiUrl,
        allowAbsoluteUrls: false,
        timeout: CALL_TIMEOUT_MS,
        retryConfig: { retries: 0 },
        rejectRateLimitedCalls: true,
      },
    });
    this.#log = log;
  }

  // It reads fields of whatever JSON comes: `null` would be an unhandled rejection.
  protected override async onWebSocketMessage(data: string | ArrayBuffer, isBinary: boolean): Promise<void> {
    try {
      await super.onWebSocketMessage(data, isBinary);
    } catch {
      this.#log.warn({}, 'Slack Socket Mode sent something that is no envelope');
    }
  }
}

/** What Slack's client makes of an envelope. */
interface Envelope {
  ack: (response?: object) => Promise<void>;
  envelope_id?: unknown;
  type?: unknown;
  body?: unknown;
}

type Take = (envelope: Envelope) => Promise<void>;

/** Never rejects. */
function createTaker({ entrance, clock, log, teamId, appId }: SocketModeOptions): Take {
  const memory = createReplayMemory();
  const admit = ({ type, body }: Envelope, text: string): Admission | null => {
    if (Buffer.byteLength(text) > GUARD_LIMITS.bodyBytes) return { ok: false, fault: 'body_too_large' };
    if (type === 'interactive') return readPayload(body, { teamId, appId });
    return type === 'slash_commands' ? readCommand(body, { teamId, appId }) : null;
  };
  const answer = async (envelope: Envelope): Promise<object | undefined> => {
    const text = JSON.stringify(envelope.body ?? null);
    const admission = admit(envelope, text);
    if (admission === null) return undefined;
    const sent = { digest: sha256Hex(text), source: 'slack socket mode' };
    if (admission.ok) return entrance.enter(admission.interaction, sent);
    await entrance.turnAway(admission.fault, sent);
    return undefined;
  };
  return async (envelope) => {
    const { envelope_id: id, ack } = envelope;
    if (typeof id !== 'string' || id === '' || id.length > 200) return;
    try {
      const remembered = memory.remember(id, clock());
      if (remembered === 'too_many_requests') return;
      // One that comes again was not heard the first time: it is acknowledged, and not done twice.
      await ack(remembered === 'new' ? await answer(envelope) : undefined);
    } catch (error) {
      log.warn({ err: error }, 'Slack Socket Mode did not take an acknowledgement');
    }
  };
}

function waitFor(ms: number, stopping: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      stopping.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    stopping.addEventListener('abort', done);
  });
}
