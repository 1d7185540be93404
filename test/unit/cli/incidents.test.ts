import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCredentialStore } from '../../../apps/cli/credentials.js';
import { Refusal } from '../../../src/core/errors.js';
import { Secret } from '../../../src/core/secret.js';
import { ACTION_ID, EVIL, mismatchedAction, NOW_MS } from './action-fixture.js';
import { startLocalGateway, type LocalGateway } from './local-gateway.js';
import { run, type Ran } from './run.js';

let gateway: LocalGateway;
let folder: string;

beforeEach(async () => {
  gateway = await startLocalGateway({ agents: [], acceptsPerson: async (token) => token === 'token-of-erin' });
  folder = await mkdtemp(join(tmpdir(), 'countersign-cli-'));
  const store = createCredentialStore(join(folder, 'countersign', 'credentials.json'));
  const accessToken = new Secret('token-of-erin');
  await store.save(gateway.url, { accessToken, expiresAtMs: NOW_MS + 60_000, issuer: 'https://id.example.com' });
});

afterEach(async () => {
  await gateway.stop();
  await rm(folder, { recursive: true });
});

const cli = async (args: readonly string[]): Promise<Ran> =>
  run(args, { environment: { COUNTERSIGN_GATEWAY_URL: gateway.url, XDG_CONFIG_HOME: folder } });

describe('incidents and unfreeze', () => {
  const incident = {
    digest: '1'.repeat(64),
    actionId: ACTION_ID,
    agent: 'export-bot',
    code: 'effect_larger_than_preview',
    severity: 'high' as const,
    sentence: '20,000 rows were exported; the preview had said about 1.',
    openedAtMs: NOW_MS - 60_000,
    frozen: true,
  };

  it('lists what was not as declared, and whose agent is frozen for it', async () => {
    gateway.incidents.push(incident, { ...incident, agent: 'other-bot', frozen: false, sentence: `odd ${EVIL}` });
    const { exitCode, stdout } = await cli(['incidents']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`${ACTION_ID}  high  export-bot  agent is frozen\n`);
    expect(stdout).toContain(incident.sentence);
    expect(stdout).not.toContain('\u001B');
    expect(JSON.parse((await cli(['incidents', '--json', '--of', 'export-bot'])).stdout)).toEqual({
      incidents: [incident],
      unreadable: [],
      next: null,
    });
    expect((await cli(['incidents', '--limit', '1'])).stdout).toContain('More: countersign incidents --before 1');
  });

  it('says when there are none', async () => {
    expect((await cli(['incidents'])).stdout).toBe('No incidents.\n');
  });

  it('unfreezes with a reason, and says for what the agent had been frozen', async () => {
    gateway.incidents.push(incident);
    const { exitCode, stdout } = await cli(['unfreeze', 'agent', 'export-bot', '--reason', 'Loaded on purpose.']);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(
      `Lifted: agent export-bot may act again, as far as nothing else is frozen. It had been frozen for what came of ${ACTION_ID}.\n`,
    );
    const scope = { kind: 'agent', agent: 'export-bot' };
    expect(gateway.unfrozen).toEqual([{ scope, reason: 'Loaded on purpose.' }]);
    expect((await cli(['unfreeze', 'all', '--reason', 'x'])).stdout).toBe('Nothing had frozen everything.\n');
  });

  it.each([['unfreeze'], ['freeze']])(
    '%s without a reason or a known scope is a mistake; refused, it says why',
    async (verb) => {
      for (const args of [
        ['agent', 'export-bot'],
        ['export-bot', '--reason', 'x'],
        ['agent', '--reason', 'x'],
        ['all', 'x', '--reason', 'x'],
      ])
        expect((await cli([verb, ...args])).exitCode, args.join(' ')).toBe(2);
      gateway.refusal = new Refusal('self_approval', 'You may not: owns agent export-bot.');
      const { exitCode, stdout } = await cli([verb, 'agent', 'export-bot', '--reason', 'x', '--json']);
      expect(exitCode).toBe(3);
      expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'self_approval' } });
    },
  );

  it('freezes, lists what is frozen in words that do nothing, and says how many must still lift it', async () => {
    expect((await cli(['freezes'])).stdout).toBe('Nothing is frozen.\n');
    const { exitCode, stdout } = await cli(['freeze', 'operation', 'database.export', '--reason', `It leaks ${EVIL}`]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('Frozen: operation database.export.');
    expect(stdout).toContain('countersign unfreeze operation database.export --reason <why>');
    const listed = (await cli(['freezes'])).stdout;
    expect(listed).toContain('Frozen: operation database.export\n  by erin');
    expect(listed).toContain('2 more people can lift it: countersign unfreeze operation database.export');
    expect(listed).not.toContain('\u001B');
    const word = (await cli(['unfreeze', 'operation', 'database.export', '--reason', 'Mended.'])).stdout;
    expect(word).toBe('Your word is on record. It is still frozen: one more person must say so, too.\n');
  });

  it('an action that did other than declared ends with 9', async () => {
    gateway.put(mismatchedAction());
    const { exitCode, stdout } = await cli(['show', ACTION_ID, '--wait']);
    expect(exitCode).toBe(9);
    expect(stdout).toContain('countersign unfreeze agent export-bot');
  });
});
