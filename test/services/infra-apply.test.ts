import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import type { Preview } from '../../src/core/schemas/action.js';
import { operation } from '../../src/operations/infra-apply.js';
import { paramsSchema, type InfraApplyParams } from '../../src/operations/infra-apply/params.js';
import { makeRepository } from '../support/infra.js';
import { tarOf } from '../support/tar.js';
import { base, errorOf, more, useInfraHarness } from './infra-harness.js';

const harness = useInfraHarness();

const planOf = ({ estimate }: Preview): string => estimate['planSha256'] as string;

describe('a preview', () => {
  it('shows every change, masks what is sensitive, keeps the plan file, and writes nothing', async () => {
    await harness.infra.applyAsAdmin(base);
    const before = await harness.infra.readState();
    const commit = await harness.repository.commit({ 'main.tf': more['main.tf'].replace('"one"', '"two"') });
    const { preview, flags } = await harness.previewOf(harness.paramsOf(commit, { variables: { region: 'us' } }));
    expect(preview.summary).toBe('Plan for network (production): 3 to create, 1 to change, 0 to replace, 0 to destroy');
    expect(preview.content).toMatchObject({ language: 'diff' });
    expect(preview.content.text).toContain('@@ change terraform_data.kept @@\n- input = "one"\n+ input = "two"\n');
    expect(preview.content.text).toContain('@@ create terraform_data.made, 2 instances @@');
    expect(preview.content.text).toContain('@@   ["b"] @@\n+ input = "us-b"');
    expect(preview.content.text).toContain('+ input.password = (sensitive)\n+ input.user = "app"');
    expect(preview.content.text).toContain(`commit ${commit}`);
    expect(preview.content.text).toContain('  region = "us"');
    expect(JSON.stringify(preview)).not.toContain('hunter2');
    expect(flags.map(({ code }) => code)).toEqual(expect.arrayContaining(['production']));
    expect(await harness.infra.readState()).toEqual(before);
    const file = await harness.contents.get(planOf(preview));
    expect(Buffer.from(file.subarray(0, 2)).toString()).toBe('PK');
  });

  it('is the same twice, but for the plan file', async () => {
    const params = harness.paramsOf(await harness.repository.commit(more));
    const [one, other] = [await harness.previewOf(params), await harness.previewOf(params)];
    expect(other.preview.fingerprint).toBe(one.preview.fingerprint);
    expect(other.preview.content).toEqual(one.preview.content);
    expect(operation.grew(one.preview, other.preview)).toBeNull();
  });

  it('holds no credential in what it keeps', async () => {
    const params = harness.paramsOf(await harness.repository.commit(base));
    const credential = await harness.lease('preview');
    const kept: Uint8Array[] = [];
    const put = (bytes: Uint8Array): Promise<string> => {
      kept.push(bytes);
      return harness.contents.put(bytes);
    };
    const keepsakes = { ...harness.contents, put };
    const shown = await harness.previewOf(params, {}, { credential, keepsakes });
    for (const secret of [credential.material.password.reveal(), credential.username]) {
      expect(JSON.stringify(shown)).not.toContain(secret);
      for (const bytes of kept) expect(Buffer.from(bytes).includes(secret)).toBe(false);
    }
    expect(kept).toHaveLength(2);
  });

  it('shows 500 resources whole', async () => {
    const text =
      'resource "terraform_data" "many" {\n  count = 500\n  input = { name = "host-${count.index}.example.com", size = "large", zone = "eu-${count.index % 3}" }\n}\n';
    const { preview } = await harness.previewOf(harness.paramsOf(await harness.repository.commit({ 'main.tf': text })));
    expect(preview.estimate).toMatchObject({ create: 500 });
    for (const index of [0, 250, 499]) expect(preview.content.text).toContain(`"host-${String(index)}.example.com"`);
    expect(preview.content.text.length).toBeLessThan(60_000);
  });

  it('takes a tarball from the content store by its digest, and only a listed one', async () => {
    const sha256 = await harness.contents.put(tarOf({ './envs/main.tf': base['main.tf'] }));
    const params = paramsSchema.parse({ target: 'network', source: { kind: 'tarball', sha256, folder: 'envs' } });
    expect(await errorOf(harness.previewOf(params))).toMatchObject({
      code: 'source_forbidden',
      field: 'params.source.sha256',
    });
    const { preview } = await harness.previewOf(params, { sources: { git: [], tarballs: [sha256] } });
    expect(preview.estimate).toMatchObject({ create: 1 });
  });

  it("takes an agent's own upload where the target takes uploads, and no other agent's", async () => {
    const tarball = gzipSync(tarOf({ 'main.tf': base['main.tf'] }));
    const sha256 = await harness.upload('other-bot', tarball);
    const params = paramsSchema.parse({ target: 'network', source: { kind: 'tarball', sha256 } });
    const taking = { sources: { git: [], tarballs: [], uploads: true } };
    const refused = { code: 'source_forbidden', field: 'params.source.sha256' };
    expect(await errorOf(harness.previewOf(params))).toMatchObject(refused);
    expect(await errorOf(harness.previewOf(params, taking))).toMatchObject(refused);
    await harness.upload('infra-bot', tarball);
    expect(await errorOf(harness.previewOf(params))).toMatchObject(refused);
    const { preview } = await harness.previewOf(params, taking);
    expect(preview.facts).toContainEqual({ label: 'Source', value: `tarball ${sha256}, uploaded by infra-bot` });
  });

  it.each([
    ['a symbolic link', tarOf([{ name: 'main.tf', type: '2', linkTo: '/etc/passwd' }])],
    ['a device', tarOf([{ name: 'main.tf', type: '3' }])],
    ['a path that leaves it', tarOf({ '../../main.tf': 'a' })],
    ['a bomb', gzipSync(Buffer.alloc(80 * 1024 * 1024))],
    ['no archive', Buffer.from('resource "terraform_data" "x" {}')],
  ])('refuses an upload with %s', async (_, tarball) => {
    const sha256 = await harness.upload('infra-bot', tarball);
    const params = paramsSchema.parse({ target: 'network', source: { kind: 'tarball', sha256 } });
    const taking = { sources: { git: [], tarballs: [], uploads: true } };
    expect(await errorOf(harness.previewOf(params, taking))).toMatchObject({ code: 'source_forbidden' });
  });

  it.each<[string, Readonly<Record<string, string>>, Partial<InfraApplyParams>, object]>([
    [
      'a provisioner in a module',
      {
        'main.tf': 'module "m" {\n source = "./m"\n}',
        'm/m.tf': 'resource "terraform_data" "x" {\n provisioner "local-exec" {\n command = "touch /tmp/pwned"\n }\n}',
      },
      {},
      { code: 'source_forbidden', message: expect.stringContaining('m/m.tf:2') as string },
    ],
    [
      'a provider that is not listed',
      { 'main.tf': 'resource "null_resource" "x" {}' },
      {},
      { code: 'source_forbidden' },
    ],
    [
      'what OpenTofu itself refuses',
      { 'main.tf': 'resource "terraform_data" "x" {\n nonsense = 1\n}' },
      {},
      { code: 'plan_failed', message: expect.stringContaining('Unsupported argument') as string },
    ],
    [
      'a variable that it does not declare',
      { 'main.tf': 'locals {}' },
      { variables: { region: 'eu' } },
      { code: 'params_invalid', field: 'params.variables.region' },
    ],
  ])('is refused for %s', async (_, files, change, expected) => {
    expect(
      await errorOf(harness.previewOf(harness.paramsOf(await harness.repository.commit(files), change))),
    ).toMatchObject(expected);
  });

  it('is refused for a commit with a link in it', async () => {
    const commit = await harness.repository.commit(base, (folder) => symlink('/etc/passwd', join(folder, 'x.txt')));
    expect(await errorOf(harness.previewOf(harness.paramsOf(commit)))).toMatchObject({ code: 'source_forbidden' });
  });

  it('fails for a commit that there is not', async () => {
    expect(await errorOf(harness.previewOf(harness.paramsOf('0'.repeat(40))))).toMatchObject({
      service: 'host',
      temporary: false,
    });
  });

  it('waits while somebody else holds the lock', async () => {
    await harness.infra.applyAsAdmin(base);
    const params = harness.paramsOf(await harness.repository.commit(more));
    await harness.infra.asAdmin(async (client) => {
      await client.query("select pg_advisory_lock(id) from workspace.states where name = 'default'");
      expect(await errorOf(harness.previewOf(params))).toMatchObject({ service: 'target', temporary: true });
    });
  });

  it('leases what can read the state and cannot write it', async () => {
    await harness.infra.applyAsAdmin(base);
    const { username, material } = await harness.lease('preview');
    const { host: server, port, database } = harness.infra.target.state;
    const client = new pg.Client({
      host: server,
      port,
      database,
      user: username,
      password: material.password.reveal(),
    });
    await client.connect();
    expect((await client.query('select name from workspace.states')).rows).toEqual([{ name: 'default' }]);
    await client.query('set default_transaction_read_only = off');
    await expect(client.query("update workspace.states set data = ''")).rejects.toMatchObject({ code: '42501' });
    await client.end();
  });

  it('fetches a listed module, and judges it before anything runs', async () => {
    const modules = await makeRepository();
    try {
      for (const [text, expected] of [
        ['resource "terraform_data" "inside" {}', null],
        [
          'resource "terraform_data" "inside" {\n provisioner "local-exec" {\n command = "id"\n }\n}',
          'source_forbidden',
        ],
      ] as const) {
        const source = `git::file://${modules.path}?ref=${await modules.commit({ 'main.tf': text })}`;
        const commit = await harness.repository.commit({ 'main.tf': `module "m" {\n source = "${source}"\n}` });
        const previewing = harness.previewOf(harness.paramsOf(commit), { modules: [source] });
        if (expected === null)
          expect((await previewing).preview.content.text).toContain('create module.m.terraform_data.inside');
        else expect(await errorOf(previewing)).toMatchObject({ code: expected });
      }
      const names = await harness.gitEnvironment();
      // What fetches modules is there, and the state's login is not.
      expect([names.has('TF_DATA_DIR'), names.has('PG_CONN_STR')]).toEqual([true, false]);
    } finally {
      await modules.remove();
    }
  });

  it('installs no provider that is not in the mirror, and needs none that is not used', async () => {
    const providers = [{ source: 'example.com/acme/listed', version: '1.2.3', hashes: [`zh:${'a'.repeat(64)}`] }];
    const used = {
      'main.tf':
        'terraform {\n required_providers {\n listed = { source = "example.com/acme/listed" }\n }\n}\nresource "listed_x" "x" {}\n',
    };
    expect(
      (await harness.previewOf(harness.paramsOf(await harness.repository.commit(base)), { providers })).flags,
    ).toBeDefined();
    const params = harness.paramsOf(await harness.repository.commit(used));
    expect(await errorOf(harness.previewOf(params, { providers }))).toMatchObject({
      code: 'plan_failed',
      message: expect.stringContaining('example.com/acme/listed') as string,
    });
  });
});
