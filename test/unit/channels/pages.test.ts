import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { buildOpenApi } from '../../../src/channels/api/openapi.js';
import { actionPage } from '../../../src/channels/api/page/action-page.js';
import { html } from '../../../src/channels/api/page/html.js';
import { createCookies } from '../../../src/channels/api/page/session.js';
import { LOG_TEXT, mismatchedAction, NOW_MS, waitingAction } from '../cli/action-fixture.js';

describe('html', () => {
  it.each([
    ['markup', '<b onclick="x()">', '&#60;b onclick=&#34;x()&#34;&#62;'],
    ['what would end an attribute', `"'\``, '&#34;&#39;&#96;'],
    ['an entity', '&lt;', '&#38;lt;'],
    ['text that turns round', 'a\u202Eb', 'a⟨U+202E⟩b'],
    ['a terminal sequence', '\u001B[2J', '⟨U+001B⟩[2J'],
  ])('shows %s as text', (_name, untrusted, shown) => {
    expect(html`<p title="${untrusted}">${[untrusted]}</p>`.markup).toBe(`<p title="${shown}">${shown}</p>`);
  });

  it('keeps its own markup, and shows nothing for null', () => {
    const items = [1, 2].map((item) => html`<li>${item}</li>`);
    expect(html`<b>${items}${null}</b>`.markup).toBe('<b><li>1</li><li>2</li></b>');
  });
});

describe('the page of an action', () => {
  const link = 'https://traces.example/<b>1</b>';
  const { request } = waitingAction();
  const view = waitingAction({ request: { ...request, link, tainted: true } });
  const shown = actionPage(view, { ok: true, text: `${LOG_TEXT} <script>` });

  it('shows the log as it is kept, and what was left out of it', () => {
    expect(shown).toContain('password=[redacted: password] &#60;script&#62;');
    expect(shown).toContain('1 secret was left out: 1 password.');
  });

  it('shows the link to the run as text, and that untrusted input was read', () => {
    expect(shown).toContain('<pre>https://traces.example/&#60;b&#62;1&#60;/b&#62;</pre>');
    expect(shown).not.toContain('href="https:');
    expect(shown).toContain('was read by the agent before it asked');
  });

  it('shows who owns the target, and the last actions with how they ended', () => {
    expect(shown).toContain('Owned by dana, emil');
    expect(shown).toMatch(/database\.export on orders: <strong>succeeded<\/strong>/);
  });

  it('shows what was not declared, that the agent is frozen for it, and who lifted that', () => {
    const frozen = actionPage(mismatchedAction(), null);
    expect(frozen).toContain('20,000 rows were exported; the preview had said about 1.');
    expect(frozen).toMatch(/Agent export-bot is frozen since .*countersign unfreeze export-bot/s);
    const lifted = actionPage(mismatchedAction({ person: 'erin', reason: '<b>', atMs: NOW_MS }), null);
    expect(lifted).toMatch(/erin unfroze it at .*<pre>&#60;b&#62;<\/pre>/s);
    expect(lifted).not.toContain('is frozen');
    expect(actionPage(view, null)).not.toContain('Incident');
  });

  it('says why there is no log', () => {
    expect(actionPage(view, { ok: false, because: 'The agent named a log but did not send it.' })).toContain(
      'The agent named a log but did not send it.',
    );
    expect(actionPage(view, null)).not.toContain('The agent’s log');
  });
});

describe('a cookie', () => {
  const schema = z.object({ subject: z.string() });
  const START_MS = 1_795_000_000_000;
  const at = (nowMs: number, key?: string) => createCookies({ key, hasTls: true, clock: () => nowMs });
  const key = Buffer.alloc(32, 7).toString('base64url');
  const keep = async () => at(START_MS, key).keep('session', { subject: 'carol' }, 60);
  const pairOf = (header: string) => header.split(';')[0] ?? '';

  it('is for this host, TLS and HTTP only, and tells nothing', async () => {
    const header = await keep();
    expect(header).toMatch(/^__Host-countersign-session=\S+; Max-Age=60; Path=\/; HttpOnly; SameSite=Lax; Secure$/);
    expect(Buffer.from(header).toString('latin1')).not.toContain('carol');
  });

  it('is read back until it is over, also by another gateway with the same key', async () => {
    const sent = `other=1; ${pairOf(await keep())}`;
    expect(await at(START_MS + 59_000, key).read('session', sent, schema)).toMatchObject({ subject: 'carol' });
    expect(await at(START_MS + 61_000, key).read('session', sent, schema)).toBeUndefined();
  });

  it.each([
    ['changed', (pair: string) => `${pair.slice(0, -2)}${pair.endsWith('AA') ? 'BB' : 'AA'}`],
    ['of the other kind', (pair: string) => pair.replace('countersign-session', 'countersign-sign-in')],
    ['empty', (pair: string) => `${pair.split('=')[0] ?? ''}=`],
  ])('that is %s counts for nothing', async (_name, change) => {
    const sent = change(pairOf(await keep()));
    expect(await at(START_MS, key).read('session', sent, schema)).toBeUndefined();
    expect(await at(START_MS, key).read('sign-in', sent, schema)).toBeUndefined();
  });

  it('of another key counts for nothing', async () => {
    expect(await at(START_MS).read('session', pairOf(await keep()), schema)).toBeUndefined();
  });
});

describe('the OpenAPI document', () => {
  it('names only schemas that it holds, and gives every route an id', async () => {
    const text = await buildOpenApi();
    const document = JSON.parse(text) as {
      openapi: string;
      components: { schemas: Record<string, unknown> };
      paths: Record<string, Record<string, { operationId?: string }>>;
    };
    expect(document.openapi).toBe('3.1.0');
    const named = [...text.matchAll(/"\$ref": "#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name);
    expect([...new Set(named)].sort()).toEqual(Object.keys(document.components.schemas).sort());
    const ids = Object.values(document.paths).flatMap((path) =>
      Object.values(path).map(({ operationId }) => operationId),
    );
    expect(ids).not.toContain(undefined);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
