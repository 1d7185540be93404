import { setTimeout } from 'node:timers/promises';
import type { Channel } from '../src/channels/channel.js';
import { PLACE_GIVEN_UP, type NoteGivenUp } from '../src/channels/message/given-up.js';
import type { DigestSettings } from '../src/channels/message/digests.js';
import { createDigestStore } from '../src/channels/message/digest-store.js';
import { createMessageStore } from '../src/channels/message/message-store.js';
import { createPagerChannel } from '../src/channels/pager/pager-channel.js';
import { createPagerdutyEvents } from '../src/channels/pager/pagerduty-events.js';
import { createSlackApi } from '../src/channels/slack/slack-api.js';
import { createSlackChannel } from '../src/channels/slack/slack-channel.js';
import { onCallAccess, pagerSettings, type OnCallConfig } from '../src/config/on-call.js';
import { readWaiting } from '../src/channels/waiting.js';
import { createConversationStore } from '../src/channels/teams/conversation-store.js';
import { createTeamsChannel } from '../src/channels/teams/teams-channel.js';
import { openTeamsApi } from '../src/channels/teams/transport.js';
import { slackSettings, type SlackConfig } from '../src/config/slack.js';
import { teamsSettings, type TeamsConfig } from '../src/config/teams.js';
import { createOnCall, type OnCall } from '../src/directory/oncall/on-call.js';
import { Refusal } from '../src/core/errors.js';
import { viewAction } from '../src/record/action-view.js';
import { readLogText } from '../src/record/log-text.js';
import type { Runtime } from './runtime.js';
import { teamsTransport } from './teams-transport.js';

type ChannelsConfig = SlackConfig & TeamsConfig & OnCallConfig;

/** The channels that a process posts to: those that the settings switch on. The API needs none: it is asked. */
export async function openChannels(config: ChannelsConfig, runtime: Runtime): Promise<readonly Channel[]> {
  const { policy, clock, logger } = runtime;
  const onCall = createOnCall({
    directory: () => policy().directory,
    access: onCallAccess(config),
    onFaults: (group, { source, faults }) => {
      logger.warn({ group, source, faults }, 'a source of who is on call was passed over');
    },
    clock,
  });
  const channels = [
    openSlack(config, runtime, onCall),
    await openTeams(config, runtime, onCall),
    openPager(config, runtime, onCall),
  ];
  return channels.filter((channel) => channel !== null);
}

function openSlack(config: SlackConfig, runtime: Runtime, onCall: OnCall): Channel | null {
  const { pool, policy, contents, clock, logger } = runtime;
  const settings = slackSettings(config);
  if (settings === null) return null;
  const { botToken, apiUrl } = settings;
  return createSlackChannel({
    api: createSlackApi({ botToken, apiUrl }),
    store: createMessageStore(pool),
    directory: () => policy().directory,
    config: settings,
    readLog: (view) => readLogText(view, contents),
    onCall,
    digests: digestsOf(settings, runtime),
    givenUp: noteGivenUp(runtime),
    log: logger,
    pause: (ms) => setTimeout(ms),
    clock,
  });
}

/** On record, so that the action itself says where it is not shown. */
function noteGivenUp({ record }: Runtime): NoteGivenUp {
  return async ({ actionId, requestDigest, receipt }, { channelName, slot, where, code }) => {
    if (receipt !== null) return;
    const message = `${channelName} cannot show this action ${where} (${code || 'refused'}): given up there.`;
    const body = { code: PLACE_GIVEN_UP, field: null, message, who: null, sentDigest: null };
    await record.append([{ kind: 'refusal', actionId, requestDigest, body, key: `given_up/${channelName}/${slot}` }]);
  };
}

function digestsOf(
  { digestEveryMs: everyMs }: { digestEveryMs: number },
  { pool, record, policy, clock }: Runtime,
): DigestSettings {
  return { store: createDigestStore(pool), everyMs, readWaiting: () => readWaiting({ record, policy, clock }) };
}

async function openTeams(config: TeamsConfig, runtime: Runtime, onCall: OnCall): Promise<Channel | null> {
  const { pool, policy, contents, clock, logger } = runtime;
  const settings = teamsSettings(config);
  if (settings === null) return null;
  return createTeamsChannel({
    api: await openTeamsApi(teamsTransport(settings, clock)),
    store: createMessageStore(pool),
    places: createConversationStore(pool),
    directory: () => policy().directory,
    config: settings,
    readLog: (view) => readLogText(view, contents),
    onCall,
    digests: digestsOf(settings, runtime),
    givenUp: noteGivenUp(runtime),
    log: logger,
    pause: (ms) => setTimeout(ms),
    clock,
  });
}

function openPager(config: ChannelsConfig, runtime: Runtime, onCall: OnCall): Channel | null {
  const { pool, record, policy, clock } = runtime;
  const settings = pagerSettings(config);
  if (settings === null) return null;
  return createPagerChannel({
    events: createPagerdutyEvents(settings),
    store: createMessageStore(pool),
    viewsOf: async (actionIds) =>
      (await record.ofActions(actionIds)).map((read) => (read instanceof Refusal ? undefined : viewAction(read))),
    incidents: async () => (await record.listIncidents({ limit: 50 })).incidents,
    directory: () => policy().directory,
    onCall,
    publicUrl: settings.publicUrl,
    clock,
  });
}
