import type { Channel } from '../src/channels/channel.js';
import { createMessageStore } from '../src/channels/slack/message-store.js';
import { createSlackApi } from '../src/channels/slack/slack-api.js';
import { createSlackChannel } from '../src/channels/slack/slack-channel.js';
import { slackSettings, type SlackConfig } from '../src/config/slack.js';
import { readLogText } from '../src/record/log-text.js';
import type { Runtime } from './runtime.js';

/** The channels that a process posts to: those that the settings switch on. The API needs none: it is asked. */
export function openChannels(config: SlackConfig, { pool, policy, contents, clock }: Runtime): readonly Channel[] {
  const settings = slackSettings(config);
  if (settings === null) return [];
  const { botToken, apiUrl } = settings;
  return [
    createSlackChannel({
      api: createSlackApi({ botToken, apiUrl }),
      store: createMessageStore(pool),
      directory: () => policy().directory,
      config: settings,
      readLog: (view) => readLogText(view, contents),
      clock,
    }),
  ];
}
