import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { Refusal } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { operations } from '../../src/operations/catalog.gen.js';
import { until } from '../support/until.js';
import { findSubjects, subjectsOn } from './find-subjects.js';
import { leftovers, startOperation, type OperationUnderTest } from './operation-under-test.js';
import type { StartedSubject } from './subject.js';

const subjects = await subjectsOn(inject('services').vault.product);

it('knows a target for every operation of the catalog', async () => {
  const known = [...(await findSubjects()).values()].map(({ operation }) => operation.name);
  expect(known.sort()).toEqual([...operations.keys()].sort());
});

describe.each(subjects)('$name', ({ subject }) => {
  const { operation } = subject;
  let under: OperationUnderTest;
  let started: StartedSubject;
  beforeAll(async () => {
    under = await startOperation(subject);
    ({ started } = under);
  });
  afterAll(async () => {
    await under.close();
  });
  beforeEach(async () => {
    await started.reset();
  });

  it('refuses bad parameters by the name of their field', async () => {
    const refused: Record<string, string | null> = {};
    for (const { name, params } of started.badParams) refused[name] = await fieldOfRefusal(under.admit(params));
    expect(refused).toEqual(Object.fromEntries(started.badParams.map(({ name, field }) => [name, field])));
    expect(started.badParams.length).toBeGreaterThanOrEqual(3);
  });

  it('knows its target by the parameters, and leases less for a preview than for an effect', async () => {
    const params = await under.admit(started.params);
    expect(operation.targetName(params)).toBe(started.target.name);
    const asked = { actionId: '01ARZ3NDEKTSV4RRFFQ69G5FAV', agent: 'export-bot', params, target: started.target };
    const [preview, execute] = [operation.credentialFor('preview', asked), operation.credentialFor('execute', asked)];
    expect(preview.tokenRole).not.toBe(execute.tokenRole);
    expect(operation.credentialFor('execute', asked).role).toBe(execute.role);
  });

  it('previews the same twice, and changes nothing by it', async () => {
    const before = await started.snapshotTarget();
    const nowMs = Date.now();
    const first = await under.preview({ nowMs });
    const second = await under.preview({ nowMs });
    for (const field of started.freshEstimates ?? []) {
      expect(second.preview.estimate[field]).toEqual(expect.any(String));
      second.preview.estimate[field] = first.preview.estimate[field] ?? null;
    }
    expect({ ...second, credential: null }).toEqual({ ...first, credential: null });
    expect(await started.snapshotTarget()).toEqual(before);
    expect(await leftovers(under)).toEqual([]);
  });

  it('finds its flags', async () => {
    expect(started.flagCases.length).toBeGreaterThanOrEqual(2);
    for (const { name, arrange, flags, not = [], ...looking } of started.flagCases) {
      await started.reset();
      await arrange?.();
      const codes = (await under.preview(looking)).flags.map(({ code }) => code);
      expect(codes, name).toEqual(expect.arrayContaining([...flags]));
      expect(
        codes.filter((code) => not.includes(code)),
        name,
      ).toEqual([]);
      expect(new Set(codes).size, `${name}: each code once`).toBe(codes.length);
    }
  });

  it('sees a change of what decides the effect, and then begins nothing', async () => {
    const approved = await under.preview();
    await started.changeWhatDecides();
    const before = await started.snapshotTarget();
    const now = await under.preview().catch((error: unknown) => error);
    // A preview may also refuse outright what can no longer be done.
    if (!(now instanceof Refusal)) {
      const seen = now as typeof approved;
      const grown = operation.grew(approved.preview, seen.preview);
      expect(seen.preview.fingerprint !== approved.preview.fingerprint || grown !== null, inspect(seen)).toBe(true);
    }
    await expect(under.execute(approved.preview)).rejects.toBeInstanceOf(Refusal);
    expect(await started.snapshotTarget()).toEqual(before);
    expect(await leftovers(under)).toEqual([]);
  });

  it('goes on after a change elsewhere', async () => {
    const approved = await under.preview();
    await started.changeElsewhere();
    const now = await under.preview();
    expect(now.preview.fingerprint).toBe(approved.preview.fingerprint);
    expect(operation.grew(approved.preview, now.preview)).toBeNull();
    await expect(under.execute(approved.preview)).resolves.toBeDefined();
  });

  it('takes effect once, only after the start is on record, and as announced', async () => {
    const { preview } = await under.preview();
    const before = await started.snapshotTarget();
    let begun = 0;
    const { actionId, result } = await under.execute(preview, async () => {
      begun += 1;
      expect(await started.snapshotTarget()).toEqual(before);
    });
    expect(begun).toBe(1);
    expect(await started.countEffects({ actionId, artefactsDir: under.artefactsDir })).toBe(1);
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
    expect(operation.checkEffect(preview, result)).toEqual([]);
    expect(await leftovers(under)).toEqual([]);
    const found = await under.findOutcome(actionId, preview);
    if (found.kind === 'done') expect(operation.checkEffect(preview, found.result)).toEqual([]);
  });

  it('leaves nothing when it may not begin, and never says that this was done', async () => {
    const { preview } = await under.preview();
    const before = await started.snapshotTarget();
    const refused = under.execute(preview, async () => {
      throw new Refusal('already_claimed', 'Another attempt has begun this effect.');
    });
    await expect(refused).rejects.toMatchObject({ code: 'already_claimed' });
    expect(await started.snapshotTarget()).toEqual(before);
    expect(await leftovers(under)).toEqual([]);
    const { actionId, end } = await under.lease('execute');
    await end();
    expect((await under.findOutcome(actionId, preview)).kind).toBe('unknown');
  });

  it.each(['preview', 'execute'] as const)(
    'leases for the %s a credential that is useless after its end',
    async (purpose) => {
      const { credential, end } = await under.lease(purpose);
      await started.useCredential(credential, purpose);
      expect((await end()).length).toBeGreaterThan(0);
      const isRefused = async (): Promise<boolean> =>
        started.useCredential(credential, purpose).then(
          () => false,
          () => true,
        );
      // What has no lease ends with its token, or by its own expiry at the latest.
      const patienceMs = credential.leaseIds.length === 0 ? credential.expiresAtMs - Date.now() + 5_000 : 0;
      await until(isRefused, Math.max(0, patienceMs));
    },
    180_000,
  );

  it('shows no secret', async () => {
    const { credential, end } = await under.lease('execute');
    await end();
    const { preview, flags, credential: lookedWith } = await under.preview();
    const { result, credential: ranWith } = await under.execute(preview);
    const shown = JSON.stringify({ preview, flags, result });
    for (const { material } of [lookedWith, ranWith]) {
      expect(secretsIn(material).length).toBeGreaterThan(0);
      for (const secret of secretsIn(material)) expect(shown).not.toContain(secret);
    }
    for (const word of ['hvs.', 'BEGIN OPENSSH PRIVATE KEY', 'BEGIN PRIVATE KEY']) expect(shown).not.toContain(word);
    expect(inspect(credential, { depth: 10 })).not.toContain(secretsIn(credential.material)[0]);
  });

  it('can be taken back as its result says', async ({ annotate }) => {
    const before = await started.snapshotTarget();
    const { preview } = await under.preview();
    const { result } = await under.execute(preview);
    if (started.undo === undefined) {
      expect(result).not.toHaveProperty('undo');
      await annotate('It has no undo.');
      return;
    }
    expect(result).toHaveProperty('undo');
    await started.undo(result);
    expect(await started.snapshotTarget()).toEqual(before);
  });
});

async function fieldOfRefusal(admitted: Promise<unknown>): Promise<string | null> {
  try {
    await admitted;
  } catch (error) {
    return error instanceof Refusal ? error.field : String(error);
  }
  return 'not refused';
}

function secretsIn(material: unknown): string[] {
  if (material instanceof Secret) return [material.reveal()];
  if (typeof material !== 'object' || material === null) return [];
  return Object.values(material).flatMap(secretsIn);
}
