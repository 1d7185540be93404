import { beforeEach, describe, expect, it, vi } from 'vitest';
import { createDataKeyRing, SEALING_LIMITS, type DataKeyRing } from '../../../src/codec/data-key-ring.js';
import { OPENED_LIMITS } from '../../../src/codec/opened-keys.js';
import { createWrapping, type Wrapping } from './wrapping.js';

const HOUR_MS = 3_600_000;

let wrapping: Wrapping;
let nowMs: number;
let ring: DataKeyRing;

beforeEach(() => {
  wrapping = createWrapping();
  nowMs = Date.UTC(2026, 10, 23);
  ring = open();
});

const open = () => createDataKeyRing({ keys: wrapping, clock: () => nowMs, renewAfterMs: 8 * HOUR_MS });

/** Until what happens beside has happened. */
const settled = (check: () => void) => vi.waitFor(check);

describe('the key to encrypt with', () => {
  it('is asked for once, however many want it at the same time', async () => {
    const keys = await Promise.all(Array.from({ length: 50 }, () => ring.current()));
    expect(new Set(keys.map(({ wrapped }) => wrapped)).size).toBe(1);
    expect(wrapping.asked).toEqual({ make: 1, unwrap: 0 });
  });

  it('is another after its time, without anybody waiting for it', async () => {
    const first = await ring.current();
    nowMs += 8 * HOUR_MS;
    expect((await ring.current()).wrapped).toBe(first.wrapped);
    await settled(() => {
      expect(wrapping.asked.make).toBe(2);
    });
    expect((await ring.current()).wrapped).not.toBe(first.wrapped);
    wrapping.isAway = true;
    expect(await ring.find(first.wrapped)).toEqual(first.key);
  });

  it('is another after so many payloads', async () => {
    const first = await ring.current();
    for (let uses = 1; uses <= SEALING_LIMITS.renewAfterUses; uses += 1) await ring.current();
    await settled(() => {
      expect(wrapping.asked.make).toBe(2);
    });
    expect((await ring.current()).wrapped).not.toBe(first.wrapped);
  });

  it('serves on while Vault is away, which is asked once a minute', async () => {
    const first = await ring.current();
    wrapping.isAway = true;
    nowMs += 8 * HOUR_MS;
    for (let uses = 0; uses < 100; uses += 1) {
      expect((await ring.current()).wrapped).toBe(first.wrapped);
      await new Promise(setImmediate);
    }
    expect(wrapping.asked.make).toBe(2);
    nowMs += OPENED_LIMITS.askAgainMs;
    wrapping.isAway = false;
    await ring.current();
    await settled(() => {
      expect(wrapping.asked.make).toBe(3);
    });
    expect((await ring.current()).wrapped).not.toBe(first.wrapped);
  });

  it('cannot be had for the first time while Vault is away', async () => {
    wrapping.isAway = true;
    await expect(ring.current()).rejects.toMatchObject({ service: 'vault' });
    wrapping.isAway = false;
    expect((await ring.current()).key).toHaveLength(32);
  });
});

describe('keys to decrypt with', () => {
  it('are asked for once each, and then known for as long as an action may wait, Vault or not', async () => {
    const { wrapped, key } = await ring.current();
    const reader = open();
    expect(await Promise.all(Array.from({ length: 20 }, () => reader.find(wrapped)))).toEqual(Array(20).fill(key));
    expect(wrapping.asked.unwrap).toBe(1);
    wrapping.isAway = true;
    nowMs += OPENED_LIMITS.keepMs - 1;
    expect(await reader.find(wrapped)).toEqual(key);
    nowMs += 2;
    await expect(reader.find(wrapped)).rejects.toMatchObject({ service: 'vault' });
  });

  it('of versions from before a rotation are opened; those of a disabled version end within the hour', async () => {
    const old = await ring.current();
    wrapping.rotate();
    const reader = open();
    expect(await reader.find(old.wrapped)).toEqual(old.key);
    wrapping.disableOldVersions();
    expect(await reader.find(old.wrapped)).toEqual(old.key);
    nowMs += OPENED_LIMITS.confirmEveryMs;
    await reader.find(old.wrapped);
    await vi.waitFor(async () => {
      expect(await reader.find(old.wrapped)).toBeNull();
    });
  });

  it('in use are shown to Vault again each hour; while it is away, once a minute', async () => {
    const { wrapped, key } = await ring.current();
    wrapping.isAway = true;
    nowMs += OPENED_LIMITS.confirmEveryMs;
    const use = async () => {
      for (let uses = 0; uses < 20; uses += 1) {
        expect(await ring.find(wrapped)).toEqual(key);
        await new Promise(setImmediate);
      }
      return wrapping.asked.unwrap;
    };
    expect(await use()).toBe(1);
    nowMs += OPENED_LIMITS.askAgainMs;
    wrapping.isAway = false;
    expect(await use()).toBe(2);
    nowMs += OPENED_LIMITS.askAgainMs;
    expect(await use()).toBe(2);
  });

  it('that Vault does not know are not asked for again, and displace none that it knows', async () => {
    const { wrapped, key } = await ring.current();
    const reader = open();
    await reader.find(wrapped);
    const forged = (index: number): string => `vault:v1:${Buffer.from(`forged ${String(index)}`).toString('base64')}`;
    for (let index = 0; index < 2 * OPENED_LIMITS.keys; index += 1) expect(await reader.find(forged(index))).toBeNull();
    const { unwrap } = wrapping.asked;
    expect(await reader.find(forged(2 * OPENED_LIMITS.keys - 1))).toBeNull();
    expect(await reader.find(wrapped)).toEqual(key);
    expect(wrapping.asked.unwrap).toBe(unwrap);
  });

  it('are bounded: the one confirmed longest ago goes first', async () => {
    const many: string[] = [];
    for (let index = 0; index <= OPENED_LIMITS.keys; index += 1) many.push((await wrapping.make()).wrapped);
    const reader = open();
    for (const wrapped of many) await reader.find(wrapped);
    const { unwrap } = wrapping.asked;
    await reader.find(many.at(-1) ?? '');
    expect(wrapping.asked.unwrap).toBe(unwrap);
    await reader.find(many[0] ?? '');
    expect(wrapping.asked.unwrap).toBe(unwrap + 1);
  });

  it('are overwritten at the end', async () => {
    const { key } = await ring.current();
    ring.close();
    expect([...key].every((byte) => byte === 0)).toBe(true);
  });
});
