import { describe, expect, it } from 'vitest';
import type { Preview } from '../../src/core/schemas/action.js';
import { operation } from '../../src/operations/infra-apply.js';
import { base, errorOf, more, useInfraHarness, type Shown } from './infra-harness.js';

const harness = useInfraHarness();

const planOf = ({ estimate }: Preview): string => estimate['planSha256'] as string;

describe('an execution', () => {
  it('applies the approved plan file, and says how to take it back', async () => {
    await harness.infra.applyAsAdmin(base);
    const parent = await harness.repository.commit(base);
    const params = harness.paramsOf(await harness.repository.commit(more));
    const { preview } = await harness.previewOf(params);
    const begun: Shown[] = [];
    const result = await harness.execute(params, preview, {
      beginEffect: async (now) => {
        begun.push(now);
        expect((await harness.infra.readState())?.serial).toBe(preview.estimate['serial']);
      },
    });
    expect(begun.map((now) => now.preview.fingerprint)).toEqual([preview.fingerprint]);
    expect(begun[0]?.preview.content).toEqual(preview.content);
    expect(result).toMatchObject({
      applied: { create: 3, change: 0, replace: 0, destroy: 0 },
      planSha256: preview.estimate['planSha256'],
    });
    expect(operation.checkEffect(preview, result as never)).toEqual([]);
    const undo = result['undo'] as { text: string; commit: string };
    expect(undo.commit).toBe(parent);
    expect(await harness.findOutcome(params, preview)).toMatchObject({
      kind: 'done',
      result: { applied: { create: 3 } },
    });

    const back = harness.paramsOf(undo.commit);
    const shown = await harness.previewOf(back);
    expect(shown.flags.map(({ code }) => code)).toContain('destroy');
    await harness.execute(back, shown.preview);
    expect((await harness.infra.readState())?.resources.map(({ name }) => name)).toEqual(['kept']);
  });

  it('destroys and replaces only as it was shown', async () => {
    const replaced = (trigger: string) => ({
      'main.tf': `resource "terraform_data" "r" {\n triggers_replace = "${trigger}"\n}\nresource "terraform_data" "gone" {}\n`,
    });
    await harness.infra.applyAsAdmin(replaced('one'));
    const params = harness.paramsOf(
      await harness.repository.commit({
        'main.tf': replaced('two')['main.tf'].replace(/resource "terraform_data" "gone".*/, ''),
      }),
    );
    const { preview, flags } = await harness.previewOf(params);
    expect(flags.map(({ code }) => code)).toEqual(expect.arrayContaining(['destroy', 'replace']));
    expect(preview.content.text).toContain(
      '@@ replace terraform_data.r (destroys the old one first; because of triggers_replace) @@',
    );
    expect(await harness.findOutcome(params, preview)).toMatchObject({ kind: 'unknown' });
    const result = await harness.execute(params, preview);
    expect(result['applied']).toMatchObject({ replace: 1, destroy: 1 });
    const all = harness.paramsOf(await harness.repository.commit(replaced('two')), { destroy: true });
    const last = await harness.previewOf(all);
    expect(last.flags).toContainEqual(expect.objectContaining({ code: 'destroy', severity: 'critical' }));
    await harness.execute(all, last.preview);
    expect((await harness.infra.readState())?.resources).toEqual([]);
  });

  it('shows a stale plan to beginEffect, and applies nothing when that does not let it go on', async () => {
    await harness.infra.applyAsAdmin(base);
    const params = harness.paramsOf(await harness.repository.commit(more));
    const { preview } = await harness.previewOf(params);
    await harness.infra.applyAsAdmin({ 'main.tf': base['main.tf'].replace('"one"', '"other"') });
    const before = await harness.infra.readState();
    const stop = new Error('review again');
    const seen: Shown[] = [];
    const beginEffect = (now: Shown): Promise<void> => (seen.push(now), Promise.reject(stop));
    expect(await errorOf(harness.execute(params, preview, { beginEffect }))).toBe(stop);
    expect(seen[0]?.preview.fingerprint).not.toBe(preview.fingerprint);
    expect(seen[0]?.preview.content.text).toContain('- input = "other"');
    // And should it be let go on all the same, OpenTofu refuses a stale file.
    expect((await errorOf(harness.execute(params, preview))).message).toContain('Saved plan is stale');
    expect(await harness.infra.readState()).toEqual(before);
  });

  it('applies no other file than the one that was shown', async () => {
    const params = harness.paramsOf(await harness.repository.commit(base));
    const { preview } = await harness.previewOf(params);
    const other = (await harness.previewOf(harness.paramsOf(await harness.repository.commit(more)))).preview;
    const get = (sha256: string) =>
      harness.contents.get(sha256 === preview.estimate['planSha256'] ? planOf(other) : sha256);
    expect(await errorOf(harness.execute(params, preview, { keepsakes: { ...harness.contents, get } }))).toMatchObject({
      code: 'digest_mismatch',
    });
    expect(await harness.infra.readState()).toBeNull();
  });

  it('runs nothing while another apply holds the lock', async () => {
    await harness.infra.applyAsAdmin(base);
    const params = harness.paramsOf(await harness.repository.commit(more));
    const { preview } = await harness.previewOf(params);
    await harness.infra.asAdmin(async (client) => {
      await client.query("select pg_advisory_lock(id) from workspace.states where name = 'default'");
      const beginEffect = () => Promise.reject(new Error('it began'));
      expect(await errorOf(harness.execute(params, preview, { beginEffect }))).toMatchObject({
        service: 'target',
        temporary: true,
      });
    });
  });

  it('says how far it came when OpenTofu fails', async () => {
    const text =
      'resource "terraform_data" "first" {}\nresource "terraform_data" "second" {\n depends_on = [terraform_data.first]\n lifecycle {\n postcondition {\n condition = self.id == "never"\n error_message = "token=hunter2hunter2 is wrong"\n }\n }\n}\nresource "terraform_data" "third" {\n depends_on = [terraform_data.second]\n}\n';
    const params = harness.paramsOf(await harness.repository.commit({ 'main.tf': text }));
    const { preview } = await harness.previewOf(params);
    const { message } = await errorOf(harness.execute(params, preview));
    expect(message).toMatch(/^2 of 3 changes are in the state. OpenTofu failed: .*Resource postcondition failed/);
    expect(message).not.toContain('hunter2');
    expect(await harness.findOutcome(params, preview)).toMatchObject({
      kind: 'unknown',
      message: expect.stringContaining('2 of 3 changes') as string,
    });
  });

  it('stops when it is cancelled, and a person learns what is done', async () => {
    const params = harness.paramsOf(
      await harness.repository.commit({
        'main.tf': 'resource "terraform_data" "x" {\n count = 600\n input = count.index\n}\n',
      }),
    );
    const { preview } = await harness.previewOf(params);
    const cancel = new AbortController();
    const running = harness.execute(params, preview, {
      signal: cancel.signal,
      beginEffect: async () => {
        setTimeout(() => {
          cancel.abort(new Error('cancelled'));
        }, 400);
      },
    });
    const ended = await running.then(
      () => 'done',
      (error: unknown) => (error as Error).message,
    );
    const found = await harness.findOutcome(params, preview);
    expect(found.kind).toBe(ended === 'done' ? 'done' : 'unknown');
  });
});
