import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Fields } from '../../fakes/slack/block-kit.js';
import type { FakeMessage } from '../../fakes/slack/slack-state.js';
import type { RawRequest } from '../../support/raw-request.js';
import { waitFor } from '../../support/slack-stack.js';
import { attacksFrom } from '../../unit/slack/attacks.js';
import {
  FORM,
  HONEST,
  request,
  signatureHeader,
  timestampHeader,
  type HonestRequests,
  type Payload,
} from '../../unit/slack/signed-requests.js';
import { SLACK, type Office, type Standing } from '../channel-office.js';
import { postFromAnywhere } from './post-from-anywhere.js';

const BEN = SLACK.userOf('ben');
/** Eve's, who is a DBA and has no Slack account in the directory. */
const UNMAPPED = 'U0000099';

/** What Slack's endpoints turn away. */
export function refusedInSlack(officeOf: () => Office): void {
  describe('in Slack', () => {
    let actionId: string;
    let message: FakeMessage;
    let submission: Payload;
    let standing: Standing;

    beforeAll(async () => {
      actionId = await officeOf().request('plain');
      message = await messageOf(officeOf(), actionId);
      const viewId = await formOn(officeOf(), message);
      submission = officeOf().slack.payloads.submission({ viewId, userId: BEN, reason: 'Not like this.' });
      standing = await officeOf().standing(actionId);
    });
    afterEach(() => {
      officeOf().slack.state.setUser(BEN, {});
    });

    const untouched = async (): Promise<void> => {
      expect(await officeOf().standing(actionId)).toEqual(standing);
    };
    /** Another one each time: each has an id of its own. */
    const click = (userId: string = BEN): Payload =>
      officeOf().slack.payloads.click(clickOn(message, 'approve', userId));
    const honest = (): HonestRequests => ({
      secret: '0123456789abcdef0123456789abcdef',
      nowSeconds: Math.floor(Date.now() / 1000),
      click: click(),
      submission,
    });
    const post = (sent: RawRequest) => postFromAnywhere(officeOf(), '/slack/interactions', sent);
    /** HTTP takes the blank away that the signature is over. */
    const overWire: Record<string, string> = { 'a padded timestamp': 'signature_invalid' };
    const attacks = attacksFrom(HONEST).map(([name, fault]) => ({ name, error: overWire[name] ?? fault }));

    it.each(attacks)('$name ($error)', async ({ name, error }) => {
      const now = honest();
      const [, , sent = {}] = attacksFrom(now).find(([each]) => each === name) ?? [];
      const { status, json } = await post(request(sent, now));
      expect(json).toEqual({ error });
      expect(status).toBeGreaterThanOrEqual(400);
      await untouched();
    });

    it.each<[string, (honest: Payload) => Payload]>([
      ['an unknown button', (payload) => withAction(payload, { action_id: 'somebody_elses' })],
      ['an interaction of another type', (payload) => ({ ...payload, type: 'message_action' })],
    ])('%s, which is nothing of ours', async (_name, alter) => {
      expect((await officeOf().slack.send(officeOf().stack.gatewayUrl, alter(click()))).status).toBe(200);
      await untouched();
    });

    it.each<[string, Fields]>([
      ['a guest', { is_restricted: true }],
      ['a guest of one channel', { is_ultra_restricted: true }],
      ['a stranger in a shared channel', { is_stranger: true }],
      ['a member of another team', { team_id: 'T0OTHER' }],
      ['a bot', { is_bot: true }],
      ['a workflow', { is_workflow_bot: true }],
      ['deleted', { deleted: true, is_restricted: undefined, is_ultra_restricted: undefined }],
    ])('an approver who is %s', async (_name, fields) => {
      const sent = click();
      officeOf().slack.state.setUser(BEN, fields);
      expect(await answerTo(officeOf(), sent)).toContain('full, active member');
      await untouched();
    });

    it('an approver whom Slack cannot be asked about', async () => {
      officeOf().slack.failNext('users.info', { status: 500 });
      expect(await answerTo(officeOf(), click())).toContain('Please try again');
      await untouched();
    });

    const EMAIL = { profile: { email: 'eve@example.com' }, is_email_confirmed: true };
    it.each<[string, Fields]>([
      ['no address', { profile: {}, is_email_confirmed: true }],
      ['an address that nobody confirmed', { ...EMAIL, is_email_confirmed: false }],
      ['an address of a foreign domain', { ...EMAIL, profile: { email: 'eve@example.org' } }],
      ['an address of a subdomain', { ...EMAIL, profile: { email: 'eve@sub.example.com' } }],
      // Carol's entry names another account of this workspace.
      ['the address of somebody else', { ...EMAIL, profile: { email: 'carol@example.com' } }],
    ])('an account that the directory does not have, with %s', async (_name, fields) => {
      officeOf().slack.state.setUser(UNMAPPED, fields);
      expect(await answerTo(officeOf(), click(UNMAPPED), UNMAPPED)).toContain('not in the Countersign directory');
      await untouched();
    });

    it.each<[string, (honest: Payload) => Payload]>([
      [
        'a message that we did not post',
        ({ container }) => ({ container: { ...(container as object), message_ts: planted(officeOf(), message) } }),
      ],
      [
        'a channel that we did not post to',
        ({ container }) => ({
          container: { ...(container as object), channel_id: 'C0000002' },
          channel: { id: 'C0000002' },
        }),
      ],
    ])('a click in %s', async (_name, over) => {
      const [sent, before] = [click(), (await officeOf().refusals()).length];
      expect((await officeOf().slack.send(officeOf().stack.gatewayUrl, { ...sent, ...over(sent) })).status).toBe(200);
      // In another channel nobody can be told.
      await expect
        .poll(async () => (await officeOf().refusals()).slice(before).map(({ code }) => code), { timeout: 30_000 })
        .toEqual(['forbidden']);
      await untouched();
    });

    it('a form in which another action is written than was sealed into it', async () => {
      const other = await officeOf().request('plain');
      const viewId = await formOn(officeOf(), await messageOf(officeOf(), other));
      const view = officeOf().slack.state.view(viewId);
      const sealed = JSON.parse(String(view['private_metadata'])) as { context: Fields };
      view['private_metadata'] = JSON.stringify({ ...sealed, context: { ...sealed.context, actionId } });
      const otherStanding = await officeOf().standing(other);
      const answer = await officeOf().slack.submit(officeOf().stack.gatewayUrl, { viewId, userId: BEN, reason: 'no' });
      expect(await answer.json()).toMatchObject({ response_action: 'errors' });
      await untouched();
      expect(await officeOf().standing(other)).toEqual(otherStanding);
    });

    it('but the honest click counts, once: again it is a replay', async () => {
      const sent = request({}, honest());
      expect(await post(sent)).toEqual({ status: 200, json: null });
      await officeOf().agent.wait(actionId, { timeoutMs: 50_000 });
      standing = await officeOf().standing(actionId);
      expect(standing.decisions).toMatchObject([{ person: 'ben', channel: 'slack' }]);
      expect(await post(sent)).toEqual({ status: 401, json: { error: 'replayed' } });
      await untouched();
    });

    it('and so does a confirmed address of our domain', async () => {
      const another = await officeOf().request('plain');
      officeOf().slack.state.setUser(UNMAPPED, EMAIL);
      const approval = officeOf().slack.payloads.click(
        clickOn(await messageOf(officeOf(), another), 'approve', UNMAPPED),
      );
      expect(await answerTo(officeOf(), approval, UNMAPPED)).toContain('Your approval counts');
      expect((await officeOf().agent.get(another)).decisions).toMatchObject([{ person: 'eve', channel: 'slack' }]);
    });
  });
  describe('/countersign in Slack', () => {
    it.each<[string, string[], string]>([
      ['without a signature', [], 'header_missing'],
      ['signed by another secret', [signatureHeader, `v0=${'0'.repeat(64)}`], 'signature_invalid'],
    ])('%s tells nothing', async (_name, signature, error) => {
      const command = officeOf().slack.payloads.command({ userId: BEN }) as Record<string, string>;
      const stamp = [timestampHeader, String(Math.floor(Date.now() / 1000))];
      const answer = await postFromAnywhere(officeOf(), '/slack/commands', {
        rawHeaders: ['content-type', FORM, ...stamp, ...signature],
        body: Buffer.from(new URLSearchParams(command).toString()),
      });
      expect(answer).toEqual({ status: 401, json: { error } });
    });
  });
}

/** A press of a button of a message. */
const clickOn = ({ ts }: FakeMessage, button: 'approve' | 'deny', userId: string) => ({
  conversation: SLACK.channel,
  ts,
  button: `countersign_${button}`,
  userId,
});

async function messageOf(office: Office, actionId: string): Promise<FakeMessage> {
  await office.noted('slack', actionId);
  const messages = (): FakeMessage[] => office.slack.state.messages(SLACK.channel);
  const found = await waitFor(
    () => messages().find(({ blocks }) => JSON.stringify(blocks).includes(`${actionId}.`)),
    () => 'no message with Approve',
  );
  return structuredClone(found);
}

/** Opens the form that asks Ben why. */
async function formOn(office: Office, message: FakeMessage): Promise<string> {
  const before = office.slack.state.views().length;
  await office.slack.click(office.stack.gatewayUrl, clickOn(message, 'deny', BEN));
  return waitFor(
    () => office.slack.state.views()[before],
    () => 'no form opened',
  );
}

/** Sends it signed and fresh; gives what the person alone is told. */
async function answerTo(office: Office, payload: Payload, userId: string = BEN): Promise<string> {
  const told = (): string[] =>
    office.slack.state.ephemerals.filter((line) => line.userId === userId).map(({ text }) => text);
  const before = told().length;
  expect((await office.slack.send(office.stack.gatewayUrl, payload)).status).toBe(200);
  return waitFor(
    () => told()[before],
    () => 'nobody was told',
  );
}

/** Another app's copy of our message. */
function planted(office: Office, { blocks }: FakeMessage): string {
  office.slack.state.plant(SLACK.channel, { blocks, app_id: 'A0OTHER' });
  return office.slack.state.messages(SLACK.channel).at(-1)?.ts ?? '';
}

function withAction(click: Payload, over: Payload): Payload {
  const [action] = click['actions'] as [Payload];
  return { ...click, actions: [{ ...action, ...over }] };
}
