import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { buildOpenApi } from '../../../src/channels/api/openapi.js';
import { createCookies } from '../../../src/channels/api/page/session.js';

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
