import { LogLevel, type Logger } from '@slack/web-api';

/** For Slack's clients, which would log requests that fail: tokens, payloads. What happened is in our own faults. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  setLevel: () => undefined,
  getLevel: () => LogLevel.ERROR,
  setName: () => undefined,
};
