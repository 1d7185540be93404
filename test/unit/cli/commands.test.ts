import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCredentialStore } from '../../../apps/cli/credentials.js';
import { createAgentSigner } from '../../../src/client/agent-signer.js';
import { Refusal, ServiceFault } from '../../../src/core/errors.js';
import { Secret } from '../../../src/core/secret.js';
import { ACTION_ID, endedAction, finishedAction, hostileAction, NOW_MS, waitingAction } from './action-fixture.js';
import { startLocalGateway, type LocalGateway } from './local-gateway.js';
import { run, type Ran, type RunOptions } from './run.js';

const pem = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
const { publicKey } = createAgentSigner({ agentId: 'export-bot', privateKey: pem });
const REQUEST = ['request', '--operation', 'database.export', '--reason', 'Monthly report'];

let gateway: LocalGateway;
let folder: string;
let environment: Record<string, string>;

beforeEach(async () => {
  gateway = await startLocalGateway({ agents: [publicKey], acceptsPerson: async (token) => token === 'token-of-dora' });
  folder = await mkdtemp(join(tmpdir(), 'countersign-cli-'));
  const keyFile = join(folder, 'bot.pem');
  await writeFile(keyFile, pem, { mode: 0o600 });
  environment = {
    COUNTERSIGN_GATEWAY_URL: gateway.url,
    COUNTERSIGN_AGENT: 'export-bot',
    COUNTERSIGN_AGENT_KEY_FILE: keyFile,
    XDG_CONFIG_HOME: folder,
  };
  await signIn(NOW_MS + 60_000);
});

afterEach(async () => {
  await gateway.stop();
  await rm(folder, { recursive: true });
});

async function signIn(expiresAtMs: number, url = gateway.url): Promise<void> {
  const store = createCredentialStore(join(folder, 'countersign', 'credentials.json'));
  await store.save(url, {
    accessToken: new Secret('token-of-dora'),
    expiresAtMs,
    issuer: 'https://id.example.com',
  });
}

const cli = async (args: readonly string[], options: RunOptions = {}): Promise<Ran> =>
  run(args, { ...options, environment: { ...environment, ...options.environment } });

describe('request', () => {
  beforeEach(() => {
    gateway.accept = (request) => waitingAction({ actionId: request.actionId, request });
  });

  it('signs what was given and says how to wait for it', async () => {
    await writeFile(join(folder, 'params.json'), '{"target":"orders","format":"csv"}');
    const params = [
      '--params-file',
      join(folder, 'params.json'),
      '--param',
      'format=ndjson',
      '--param',
      'values:=[1,"a=b"]',
    ];
    const { exitCode, stdout } = await cli([...REQUEST, ...params, '--expires-in', '2h']);
    const [view] = [...gateway.actions.values()].map((action) => action.view);
    expect(exitCode).toBe(0);
    expect(view?.request.params).toEqual({ target: 'orders', format: 'ndjson', values: [1, 'a=b'] });
    expect((view?.request.expiresAtMs ?? 0) - (view?.request.requestedAtMs ?? 0)).toBe(7_200_000);
    expect(stdout).toContain(`countersign show ${view?.actionId ?? ''} --wait --agent export-bot`);
  });

  it.each([[[]], [['--wait']]])('says that it joined an earlier one, and follows that (%s)', async (wait) => {
    gateway.accept = () => (wait.length === 0 ? waitingAction() : endedAction('denied'));
    const { stdout, stderr } = await cli([...REQUEST, ...wait]);
    expect(stdout + stderr).toContain(`Asked before, and still open: ${ACTION_ID}. Nothing new was started.`);
    expect(stdout + stderr).toContain(wait.length === 0 ? `countersign show ${ACTION_ID} --wait` : 'denied');
  });

  it.each<[status: Parameters<typeof endedAction>[0], exitCode: number]>([
    ['succeeded', 0],
    ['denied', 4],
    ['expired', 4],
    ['failed', 5],
    ['unknown', 5],
  ])('--wait tells that the action is %s by exit code %i', async (status, exitCode) => {
    gateway.accept = (request) => ({ ...endedAction(status), actionId: request.actionId, request });
    const ran = await cli([...REQUEST, '--wait', '--json']);
    expect(ran.exitCode).toBe(exitCode);
    expect(JSON.parse(ran.stdout)).toMatchObject({ outcome: { status } });
  });

  it('--wait tells who is waited for, once, while nothing changes', async () => {
    const waiting = cli([...REQUEST, '--wait'], {
      onError: (text) => {
        // Only once the status line was shown does the action end.
        if (text.includes('Waiting for dba (1 more)')) {
          for (const { view } of gateway.actions.values())
            gateway.put({ ...finishedAction(), actionId: view.actionId });
        }
      },
    });
    const { exitCode, stderr, stdout } = await waiting;
    expect(exitCode).toBe(0);
    expect(stderr.match(/Waiting for dba/g)).toHaveLength(1);
    expect(stderr).toContain('expires in 1 h 57 min');
    expect(stdout).toContain('Outcome: succeeded');
  });

  it('--wait --timeout gives up with 8 and leaves the action alone', async () => {
    const { exitCode, stdout } = await cli([...REQUEST, '--wait', '--timeout', '1s', '--json']);
    expect(exitCode).toBe(8);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'wait_timed_out' } });
    expect(gateway.withdrawals).toEqual([]);
  });

  it('is refused with the gateway’s code', async () => {
    gateway.accept = null;
    const { exitCode, stdout, stderr } = await cli([...REQUEST, '--json']);
    expect(exitCode).toBe(3);
    expect(JSON.parse(stdout)).toEqual({
      error: { code: 'policy_forbids', field: 'operation', message: 'No policy lets this agent ask for this.' },
    });
    expect(stderr).toContain('[policy_forbids]');
  });
});

describe('the command line', () => {
  it.each<[what: string, args: string[]]>([
    ['no operation', ['request', '--reason', 'x']],
    ['a parameter without a value', [...REQUEST, '--param', 'target']],
    ['a parameter given twice', [...REQUEST, '--param', 'a=1', '--param', 'a=2']],
    ['JSON that is none', [...REQUEST, '--param', 'a:={']],
    ['a file of parameters that is not there', [...REQUEST, '--params-file', '/nowhere/params.json']],
    ['a key file that is not there', [...REQUEST, '--key-file', '/nowhere/key.pem']],
    ['a key file that holds no key', [...REQUEST, '--key-file', '/dev/null']],
    ['a time that is none', [...REQUEST, '--expires-in', 'soon']],
    ['an expiry beyond the limit', [...REQUEST, '--expires-in', '15d']],
    ['an unknown option', [...REQUEST, '--froce']],
    ['an unknown command', ['reqeust']],
    ['no command', []],
    ['a gateway that is no address', ['list', '--gateway', 'example']],
    ['a gateway on another machine without TLS', [...REQUEST, '--gateway', 'http://gateway.example']],
    ['a limit out of range', ['list', '--limit', '0']],
    ['deny without a reason', ['deny', ACTION_ID]],
    ['approve where nobody can be asked', ['approve', ACTION_ID]],
  ])('%s is a mistake in the command line: 2, and nothing is sent', async (_what, args) => {
    const { exitCode, stderr } = await cli(args);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^error .*\[usage\]\n$/s);
    expect(gateway.calls).toEqual([]);
  });

  it('without a gateway is a mistake in the command line', async () => {
    expect((await cli(['list'], { environment: { COUNTERSIGN_GATEWAY_URL: '' } })).exitCode).toBe(2);
  });
});

describe('a gateway on another machine without TLS', () => {
  // For the program it is another machine; Linux takes it for this one.
  const url = (): string => gateway.url.replace('127.0.0.1', '0.0.0.0');
  const list = async (extra: string[], setting = ''): Promise<Ran> => {
    await signIn(NOW_MS + 60_000, url());
    return cli(['list', '--gateway', url(), ...extra], { environment: { COUNTERSIGN_INSECURE_HTTP: setting } });
  };

  it('is not asked: 2, and the message names what would allow it', async () => {
    const { exitCode, stderr } = await list([]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('--insecure-http (COUNTERSIGN_INSECURE_HTTP=true)');
    expect(gateway.calls).toEqual([]);
  });

  it.each([
    ['the option', ['--insecure-http'], ''],
    ['the setting', [], 'true'],
  ])('is asked with %s', async (_what, extra, setting) => {
    expect((await list(extra, setting)).exitCode).toBe(0);
    expect(gateway.calls).toHaveLength(1);
  });

  it('is not asked with a setting that says neither', async () => {
    expect((await list([], 'perhaps')).exitCode).toBe(2);
    expect(gateway.calls).toEqual([]);
  });

  it('can be forgotten', async () => {
    await list([]);
    expect((await cli(['logout', '--gateway', url()])).stdout).toContain('Signed out');
  });
});

describe('list and show', () => {
  it('list shows what is open; --all also what has ended', async () => {
    gateway.put(waitingAction());
    gateway.put({ ...finishedAction(), actionId: '01M82BEDCBHPE39GJ5Q8ZMGYDH' });
    expect((await cli(['list'])).stdout).not.toContain('succeeded');
    expect((await cli(['list', '--all'])).stdout).toContain('succeeded');
    const { stdout } = await cli(['--json', 'list', '--all', '--of', 'export-bot']);
    expect((JSON.parse(stdout) as { actions: unknown[] }).actions).toHaveLength(2);
  });

  it.each([['list'], ['show', ACTION_ID]])('%s also works as an agent, by its key', async (...args) => {
    gateway.put(waitingAction());
    await signIn(0);
    expect((await cli([...args, '--agent', 'export-bot'])).exitCode).toBe(0);
  });

  it('show prints one JSON document and nothing else', async () => {
    gateway.put(waitingAction());
    const { stdout, stderr } = await cli(['show', ACTION_ID, '--json']);
    expect(JSON.parse(stdout)).toEqual(waitingAction());
    expect(stderr).toBe('');
  });

  it('show prints hostile text without any control character, also as JSON', async () => {
    gateway.put(hostileAction());
    for (const args of [
      ['show', ACTION_ID],
      ['show', ACTION_ID, '--json'],
      ['list', '--all'],
    ]) {
      expect((await cli(args)).stdout).not.toMatch(/[^\n\P{C}]/u);
    }
  });

  it('colours on a terminal, and not against NO_COLOR', async () => {
    gateway.put(waitingAction());
    const escape = String.fromCharCode(27);
    const coloured = await cli(['show', ACTION_ID], { terminal: true });
    const plain = await cli(['show', ACTION_ID], { terminal: true, environment: { NO_COLOR: '1' } });
    expect([coloured, plain].map(({ stdout }) => stdout.includes(escape))).toEqual([true, false]);
  });

  it('show --wait ends with the outcome', async () => {
    gateway.put(endedAction('denied'));
    expect((await cli(['show', ACTION_ID, '--wait'])).exitCode).toBe(4);
    expect((await cli(['show', ACTION_ID])).exitCode).toBe(0);
  });

  it.each<[what: string, arrange: () => unknown, exitCode: number, code: string]>([
    ['an unknown action', () => null, 3, 'action_unknown'],
    [
      'a gateway that is not able',
      () => (gateway.refusal = new ServiceFault('record', 'down', true)),
      6,
      'gateway_unavailable',
    ],
    ['a gateway that drops the connection', () => (gateway.drop = 9), 6, 'gateway_unavailable'],
    [
      'a gateway that does not take the sign-in',
      () => (gateway.refusal = new Refusal('unauthenticated', 'no')),
      7,
      'unauthenticated',
    ],
    ['a sign-in that is over', () => signIn(NOW_MS), 7, 'unauthenticated'],
  ])('%s', async (_what, arrange, exitCode, code) => {
    await arrange();
    const ran = await cli(['show', ACTION_ID, '--json']);
    expect(ran.exitCode).toBe(exitCode);
    expect(JSON.parse(ran.stdout)).toMatchObject({ error: { code } });
    expect(ran.stdout + ran.stderr).not.toContain('token-of-dora');
  });
});

describe('approve and deny', () => {
  beforeEach(() => {
    gateway.put(waitingAction());
  });
  const actionDigest = waitingAction().actionDigest;

  it.each(['y', 'YES', ' yes '])(
    'approve shows the action, asks, and on %j sends the digest that was shown',
    async (answer) => {
      const { exitCode, stdout, stderr } = await cli(['approve', ACTION_ID], { answers: [answer] });
      expect(exitCode).toBe(0);
      for (const shown of ['SELECT id, email', 'personal_data', 'Export of 1 table', actionDigest ?? ''])
        expect(stdout).toContain(shown);
      expect(stderr).toContain('[y/N]');
      expect(gateway.decisions).toMatchObject([{ actionId: ACTION_ID, decision: 'approve', actionDigest }]);
    },
  );

  it.each(['', 'n', 'no', 'yep', 'approve'])('approve does nothing on %j', async (answer) => {
    expect((await cli(['approve', ACTION_ID], { answers: [answer] })).exitCode).toBe(3);
    expect(gateway.decisions).toEqual([]);
  });

  it('approve --yes --json shows the action on standard error and the answer as JSON', async () => {
    const { stdout, stderr } = await cli(['approve', ACTION_ID, '--yes', '--json', '--reason', 'Seen']);
    expect(JSON.parse(stdout)).toMatchObject({ decided: true, decision: 'approve', state: 'filled', actionDigest });
    expect(stderr).toContain('SELECT id, email');
    expect(gateway.decisions).toMatchObject([{ reason: 'Seen' }]);
  });

  it('approve --break-glass shows no name of the gateway as it is', async () => {
    const group = 'sec\u001B[2J\u202E';
    const stages = [{ group: 'security', quorum: 2 }];
    const { plan } = waitingAction();
    if (plan === null) throw new Error('there is no plan');
    const breakGlass = { stages, leaseTtlSeconds: 60, reviewWithinMs: 86_400_000 };
    gateway.put(waitingAction({ plan: { ...plan, breakGlass } }));
    gateway.answer = { state: 'waiting', open: [], glass: [{ group, places: 1 }] };
    const args = ['approve', ACTION_ID, '--break-glass', '--reason', 'The shop is down since two.'];
    const { stdout } = await cli(args, { answers: ['break the glass'] });
    expect(stdout).toContain('The glass breaks with 1 of sec⟨U+001B⟩[2J⟨U+202E⟩ more.');
    expect(stdout).not.toContain('\u001B[2J');
  });

  it('deny sends the reason', async () => {
    const { exitCode, stdout } = await cli(['deny', ACTION_ID, '--reason', 'No ticket']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('Denied. The action will not run.');
    expect(gateway.decisions).toMatchObject([{ decision: 'deny', reason: 'No ticket', actionDigest }]);
  });

  it('a lost answer is asked for again under the same key', async () => {
    const put = gateway.decisions.push.bind(gateway.decisions);
    const keys: string[] = [];
    gateway.decisions.push = (...arrived) => {
      keys.push(...arrived.map(({ key }) => key));
      if (keys.length < 3) throw new ServiceFault('temporal', 'answer lost', true);
      return put(...arrived);
    };
    expect((await cli(['approve', ACTION_ID, '--yes'])).exitCode).toBe(0);
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
  });

  it('an action that changes between showing and answering is not approved', async () => {
    const change = (): string => {
      gateway.put(waitingAction({ actionDigest: 'f'.repeat(64) }));
      return 'y';
    };
    const { exitCode, stderr } = await cli(['approve', ACTION_ID], { answers: [change] });
    expect(exitCode).toBe(3);
    expect(stderr).toContain('[digest_mismatch]');
    expect(gateway.decisions).toEqual([]);
  });

  it.each([
    ['preparing', waitingAction({ state: 'preparing', actionDigest: null })],
    ['running', waitingAction({ state: 'running' })],
    ['done', endedAction('expired')],
  ])('an action that is %s is not open for a decision', async (_state, view) => {
    gateway.put(view);
    const { exitCode, stderr } = await cli(['deny', ACTION_ID, '--reason', 'x']);
    expect(exitCode).toBe(3);
    expect(stderr).toContain('[action_closed]');
    expect(gateway.decisions).toEqual([]);
  });
});

describe('withdraw and download', () => {
  it('withdraw takes the request back under the agent’s signature', async () => {
    gateway.put(waitingAction());
    expect((await cli(['withdraw', ACTION_ID])).exitCode).toBe(0);
    expect(gateway.withdrawals).toEqual([ACTION_ID]);
  });

  it('download puts a checked file in place', async () => {
    const output = Buffer.from('id\n1\n');
    gateway.outputs.set(ACTION_ID, output);
    gateway.put(finishedAction(createHash('sha256').update(output).digest('hex')));
    const out = join(folder, 'out.csv');
    const { exitCode, stdout } = await cli(['download', ACTION_ID, '--out', out, '--json']);
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([0, { path: out, bytes: output.length }]);
    expect(await readFile(out)).toEqual(output);
    expect((await cli(['download', ACTION_ID, '--out', out])).exitCode).toBe(2);
  });

  it('download keeps nothing that is not what the receipt names', async () => {
    gateway.outputs.set(ACTION_ID, Buffer.from('other'));
    gateway.put(finishedAction());
    const out = join(folder, 'out.csv');
    expect((await cli(['download', ACTION_ID, '--out', out])).stderr).toContain('[artefact_corrupt]');
    await expect(stat(out)).rejects.toThrow('ENOENT');
  });
});

describe('keygen', () => {
  it('makes a key for its owner alone, and the lines that list it', async () => {
    const out = join(folder, 'new.pem');
    const { exitCode, stdout } = await cli(['keygen', '--agent', 'new-bot', '--out', out]);
    const signer = createAgentSigner({ agentId: 'new-bot', privateKey: await readFile(out, 'utf8') });
    expect(exitCode).toBe(0);
    expect((await stat(out)).mode & 0o777).toBe(0o600);
    expect(stdout).toContain(`  publicKey: ${signer.publicKey.publicKey}`);
    expect(stdout).not.toContain('PRIVATE');
  });

  it('never overwrites a key', async () => {
    const out = join(folder, 'bot.pem');
    expect((await cli(['keygen', '--agent', 'new-bot', '--out', out])).exitCode).toBe(2);
    expect(await readFile(out, 'utf8')).toBe(pem);
  });
});
