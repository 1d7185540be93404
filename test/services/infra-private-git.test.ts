import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startOperation, type OperationUnderTest } from '../contracts/operation-under-test.js';
import { startNetwork, subject as infraSubject } from '../contracts/subjects/infra-apply.js';
import { infraPrograms, makeRepository, type Repository } from '../support/infra.js';
import type { TestInstallation } from '../support/installation.js';
import { startPrivateGit, type PrivateGit } from '../support/private-git.js';
import { makeRecordingTofu, type RecordingTofu } from '../support/recording-tofu.js';
import { until } from '../support/until.js';

const USERNAME = 'countersign';
const PASSWORD = 'canary/p@ss:word=1';

describe('a private repository', () => {
  const closing: (() => Promise<unknown>)[] = [];
  let installation: TestInstallation;
  let repository: Repository;
  let git: PrivateGit;
  let elsewhere: PrivateGit;
  let tofu: RecordingTofu;
  let under: OperationUnderTest;
  let commands: string;
  let commit: string;
  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'countersign-private-git-'));
    closing.push(() => rm(folder, { recursive: true, force: true }));
    repository = await makeRepository();
    closing.push(() => repository.remove());
    commit = await repository.commit({ 'main.tf': 'resource "terraform_data" "made" {}\n' });
    const login = { folder, root: dirname(repository.path), username: USERNAME, password: PASSWORD };
    elsewhere = await startPrivateGit(login);
    closing.push(() => elsewhere.close());
    // With the same certificate: that it is trusted is not what keeps the login from it.
    git = await startPrivateGit({ ...login, certificateOf: elsewhere, movedTo: `https://${elsewhere.host}` });
    closing.push(() => git.close());
    tofu = await makeRecordingTofu();
    closing.push(() => tofu.remove());
    commands = join(folder, 'commands');
    const wrapped = join(folder, 'git');
    // Its arguments, and the names in its environment.
    const noted = `{ printf '%s\\n' "$@"; /usr/bin/env | /usr/bin/cut -d= -f1; } >> '${commands}'`;
    await writeFile(wrapped, `#!/bin/sh\n${noted}\nexec '${infraPrograms().git}' "$@"\n`, { mode: 0o755 });
    under = await startOperation({
      ...infraSubject,
      start: async (installed) => {
        installation = installed;
        const mount = `${installed.name}-kv`;
        await installed.vaultAdmin.write(`sys/mounts/${mount}`, { type: 'kv', options: { version: '2' } });
        closing.push(() => installed.vaultAdmin.delete(`sys/mounts/${mount}`));
        await keep({ username: USERNAME, password: PASSWORD });
        const { host, authorityFile } = git;
        const started = await startNetwork(installed, {
          git: [`https://${host}/`, `https://${elsewhere.host}/`],
          gitLogins: [{ host, mount, path: 'git/reader', authorityFile }],
        });
        return { ...started, programs: { tofu: tofu.programs.tofu, git: wrapped } };
      },
    });
    closing.push(() => under.close());
  });
  afterAll(async () => {
    for (const close of closing.reverse()) await close();
  });

  async function keep(data: object): Promise<void> {
    // A store that was just mounted may still be upgrading itself.
    const path = `${installation.name}-kv/data/git/reader`;
    await until(() =>
      installation.vaultAdmin.write(path, { data }).then(
        () => true,
        () => false,
      ),
    );
  }

  const preview = (at: string) => {
    const source = { kind: 'git', repository: `https://${at}/${basename(repository.path)}/.git`, commit };
    return under.preview({ params: { target: 'network', source } });
  };

  it('is read by the login that Vault keeps, which is in no argument, address, output or environment of OpenTofu', async () => {
    const seen = await preview(git.host);
    expect(seen.preview.estimate).toMatchObject({ create: 1 });
    expect(git.seen.length).toBeGreaterThan(0);
    expect(seen.preview.facts.map(({ value }) => value).join()).toContain(commit);
    const noted = await readFile(commands, 'utf8');
    // Of all commands of git, the one that fetches has it.
    expect(noted.match(/^LOGIN_PASSWORD$/gm)).toHaveLength(1);
    const ran = await tofu.take();
    expect(ran.map(({ command }) => command)).toContain('plan');
    const said = JSON.stringify([seen, noted, ran]);
    for (const secret of [
      PASSWORD,
      encodeURIComponent(PASSWORD),
      Buffer.from(`${USERNAME}:${PASSWORD}`).toString('base64'),
    ])
      expect(said).not.toContain(secret);
  });

  it('is approved with the path of its login, and what is read is not said to be leased', async () => {
    const source = { kind: 'git', repository: `https://${git.host}/x/.git`, commit };
    const params = await under.admit({ target: 'network', source });
    const asked = { actionId: '01ARZ3NDEKTSV4RRFFQ69G5FAV', agent: 'export-bot', params, target: under.started.target };
    const { role } = infraSubject.operation.credentialFor('execute', asked);
    expect(role.endsWith(` + ${installation.name}-kv/data/git/reader`)).toBe(true);
    const other = await under.admit({
      target: 'network',
      source: { ...source, repository: `https://${elsewhere.host}/x/.git` },
    });
    expect(infraSubject.operation.credentialFor('execute', { ...asked, params: other }).role).not.toContain('-kv/');
  });

  it('gives its login away to no host that the listed one sends it to', async () => {
    const error = await preview(`${git.host}/moved`).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ service: 'host' });
    expect(String(error)).not.toContain('canary');
    expect(elsewhere.seen).toEqual([]);
  });

  it('cannot be read with a wrong password, and nothing says which it was', async () => {
    await keep({ username: USERNAME, password: 'canary-wrong' });
    const error = await preview(git.host).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ service: 'host', temporary: false });
    expect(JSON.stringify(error) + String(error)).not.toContain('canary');
  });
});
