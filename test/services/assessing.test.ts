import { expect, it } from 'vitest';
import { policySetTextToParts } from '../../src/policy/cedar.js';
import type { Assess } from '../../src/policy/governed/assess.js';
import { createAssessing } from '../../src/policy/governed/assessing.js';
import { packBundle, textsOf } from '../../src/policy/governed/bundle-document.js';
import { readBundleFiles } from '../../src/policy/bundle-files.js';
import { examplePolicies } from '../../apps/devstack/place.js';
import { after, assessHere, bundleOf } from '../support/policy-changes.js';

const built = new URL('../../dist/src/policy/governed/assessing-thread.js', import.meta.url);
const hostile = new URL('assessing-child.mjs', import.meta.url);

const before = bundleOf(textsOf((await readBundleFiles(examplePolicies)).files), 1, null);
const next = after(before, 'database-export.cedar', '@expire("2h")', '@expire("12h")');
const honest = { before: textsOf(before.files), document: packBundle(next.files), requests: [] };

it('a proposed bundle is assessed in a thread of its own as it would be here', async () => {
  const assess = createAssessing({ thread: built });
  const found = await assess(honest);
  expect(found).toEqual(await assessHere(honest));
  expect(found.flags.map(({ code }) => code)).toContain('policy_loosened');
  await expect(assess({ ...honest, document: '{}' })).rejects.toMatchObject({ code: 'bundle_invalid' });
}, 120_000);

it.each<[attack: string, why: RegExp, limits: { withinMs?: number; memoryMb?: number }]>([
  ['traps', /memory access out of bounds|call stack/, {}],
  ['traps where policy is asked, which takes it for a no', /Cedar broke down/, {}],
  ['hangs', /longer than 1 s/, { withinMs: 1_000 }],
  ['takes memory', /memory|more than/, { memoryMb: 128 }],
  ['takes memory beside the heap', /more than 128 MiB/, { memoryMb: 128 }],
  ['ends early', /without an answer/, {}],
])(
  'one that %s is refused, and this process goes on judging',
  async (attack, why, limits) => {
    const assess: Assess = createAssessing({ thread: hostile, ...limits });
    const attacking = assess({ before: { attack }, document: JSON.stringify(honest), requests: null });
    await expect(attacking).rejects.toMatchObject({
      code: 'bundle_invalid',
      message: expect.stringMatching(why) as string,
    });
    expect(policySetTextToParts('permit (principal, action, resource);').type).toBe('success');
  },
  60_000,
);
