import { describe, expect, it } from 'vitest';
import { createServer } from '../../../src/channels/api/server.js';
import { createRefusals } from '../../../src/channels/refusals.js';
import { gatewayConfigSchema } from '../../../src/config/gateway.js';
import { Refusal } from '../../../src/core/errors.js';
import type { Record as ActionRecord } from '../../../src/record/record.js';

const setting = gatewayConfigSchema.shape.COUNTERSIGN_TRUSTED_PROXIES;
const PROXY = '10.1.2.3';
const STRANGER = '203.0.113.9';
/** What one source may put on record at once. */
const BURST = 30;

/** How many refusals reach the record when each attempt, a millisecond's work, comes from a peer with such headers. */
async function recorded(trusted: string | undefined, attempts: { peer: string; forwardedFor?: string }[]) {
  let rows = 0;
  const record: Pick<ActionRecord, 'append'> = {
    append: async () => {
      rows += 1;
      return [];
    },
  };
  const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const app = await createServer({
    log: false,
    refusals: createRefusals({ record: record as ActionRecord, clock: () => 0, log: silent }),
    senderOf: () => null,
    trustedProxies: setting.parse(trusted),
    publicUrl: 'https://gateway.example',
  });
  app.get('/refused', { config: { recordsRefusals: true } }, async () => {
    throw new Refusal('forbidden', 'No.');
  });
  for (const { peer, forwardedFor } of attempts) {
    const headers = forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor, forwarded: forwardedFor };
    await app.inject({ url: '/refused', remoteAddress: peer, headers });
  }
  await app.close();
  return rows;
}

const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
const client = (index: number): string => `198.51.100.${String(index)}`;

describe('the rate limit of refusals', () => {
  it.each<[string, string | undefined]>([
    ['no proxy is trusted', undefined],
    ['another is trusted', PROXY],
    ['a range that holds others is trusted', '10.0.0.0/8, 2001:db8::/32'],
  ])('counts a peer as what it is, whatever it forwards, when %s', async (_, trusted) => {
    const spoofed = times(100, (index) => ({ peer: STRANGER, forwardedFor: client(index) }));
    expect(await recorded(trusted, spoofed)).toBe(BURST);
    // Nor can it use up what others have, by naming them or the proxy.
    const named = times(100, (index) => ({ peer: STRANGER, forwardedFor: index % 2 === 0 ? client(1) : PROXY }));
    expect(await recorded(trusted, [...named, { peer: client(1) }, { peer: PROXY }])).toBe(BURST + 2);
  });

  it.each<[string, (port: number) => string]>([
    ['an address', (port) => `${client(1)}:${String(port)}`],
    ['an IPv6 address', (port) => `[2001:db8::1]:${String(port)}`],
  ])('counts a client once whose proxy writes ports beside %s', async (_, forwardedBy) => {
    const attempts = times(100, (index) => ({ peer: PROXY, forwardedFor: forwardedBy(40_000 + index) }));
    expect(await recorded(PROXY, attempts)).toBe(BURST);
  });

  it.each(['10.1.2.3', '10.0.0.0/8', '192.0.2.1,10.1.2.3'])('counts the clients behind %s apart', async (trusted) => {
    const attempts = times(100, (index) => ({ peer: PROXY, forwardedFor: client(index % 2) }));
    expect(await recorded(trusted, attempts)).toBe(2 * BURST);
  });

  it('counts a client by what the trusted proxy added, not by what it claims itself', async () => {
    const attempts = times(100, (index) => ({ peer: PROXY, forwardedFor: `${client(index)}, ${PROXY}, ${STRANGER}` }));
    expect(await recorded(PROXY, attempts)).toBe(BURST);
  });

  it('counts all behind a proxy together when it is not trusted', async () => {
    const attempts = times(100, (index) => ({ peer: PROXY, forwardedFor: client(index) }));
    expect(await recorded(undefined, attempts)).toBe(BURST);
  });
});

describe('the setting', () => {
  it.each(['', ' '])('"%s" trusts nobody', (text) => {
    expect(setting.parse(text)).toEqual([]);
  });

  it.each(['true', '1', 'loopback', 'proxy.example', '10.0.0.0/0', '::/0', '10.0.0.0/33', '10.0.0.1,', '*'])(
    '"%s" is refused',
    (text) => {
      expect(setting.safeParse(text).success).toBe(false);
    },
  );
});
