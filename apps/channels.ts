import type { Channel } from '../src/channels/channel.js';
import type { SlackConfig } from '../src/config/slack.js';
import type { Runtime } from './runtime.js';

/** The channels that a process posts to. */
export interface OpenChannels {
  list: readonly Channel[];
  close(): Promise<void>;
}

/** Opens the channels that the settings switch on. The API needs no posting: people and agents ask it. */
export async function openChannels(_config: SlackConfig, _runtime: Runtime): Promise<OpenChannels> {
  return { list: [], close: async () => undefined };
}
