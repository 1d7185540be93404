import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Flag, Preview } from '../../../src/core/schemas/action.js';
import { ReviewAgain } from '../../../src/enforcement/evidence.js';
import { judge, type Judgement } from '../../../src/enforcement/judge.js';
import { checkUnchanged } from '../../../src/enforcement/unchanged.js';
import type { Policy } from '../../../src/policy/policy.js';
import { evidenceOf, honestFacts, loadPolicy } from './evidence.js';

let policy: Policy;
let judged: Judgement;

beforeAll(async () => {
  policy = await loadPolicy(fileURLToPath(new URL('../../../policies/example', import.meta.url)));
  judged = await judge(evidenceOf(honestFacts(policy)));
});

interface Now {
  preview: Preview;
  flags: readonly Flag[];
}

const flag = (code: string, severity: Flag['severity'] = 'high'): Flag => ({ code, severity, sentence: 'A sentence.' });

const changes: { name: string; change: (now: Now) => Now; code: string | null }[] = [
  { name: 'nothing changed', change: (now) => now, code: null },
  {
    name: 'the moment changed, of which policy says nothing',
    change: (now) => ({ ...now, flags: [...now.flags, flag('unusual_hour'), flag('first_time')] }),
    code: null,
  },
  {
    name: 'the target changed',
    change: (now) => ({ ...now, preview: { ...now.preview, fingerprint: 'f'.repeat(64) } }),
    code: 'target_changed',
  },
  {
    name: 'people were shown another query',
    change: (now) => ({ ...now, preview: { ...now.preview, content: { language: 'sql', text: 'select 1' } } }),
    code: 'digest_mismatch',
  },
  {
    name: 'the effect grew',
    change: (now) => ({ ...now, preview: { ...now.preview, estimate: { rows: 50_000_000, bytes: 9e9 } } }),
    code: 'effect_grew',
  },
  {
    name: 'the worker kept risks back that policy asks for a second approval of',
    change: (now) => ({ ...now, flags: [...now.flags, flag('personal_data', 'critical'), flag('no_where')] }),
    code: 'plan_stricter',
  },
  {
    name: 'the worker kept risks back that policy forbids',
    change: (now) => ({ ...now, flags: [...now.flags, flag('personal_data'), flag('no_where'), flag('volume')] }),
    code: 'policy_forbids',
  },
];

describe('just before the effect, when', () => {
  it.each(changes)('$name', ({ change, code }) => {
    const now = change({ preview: structuredClone(judged.preview.preview), flags: judged.preview.flags });
    const check = (): void => {
      checkUnchanged(judged, now, { policy, nowMs: Date.UTC(2026, 10, 23, 9, 2) });
    };
    if (code === null) expect(check).not.toThrow();
    else expect(check).toThrow(expect.objectContaining({ code }) as Error);
  });

  it('what only people can judge again reopens the review, the rest is refused', () => {
    const now = { preview: { ...judged.preview.preview, fingerprint: 'f'.repeat(64) }, flags: [] };
    expect(() => {
      checkUnchanged(judged, now, { policy, nowMs: 0 });
    }).toThrow(ReviewAgain);
  });

  it('policy is asked about a known risk that became graver, and about what the moment brought', () => {
    const [known] = judged.preview.flags;
    if (known === undefined) throw new Error('the honest case has a flag');
    const graver: Flag = { ...known, severity: 'high' };
    // What policy says of the night, it says of what runs at night.
    const night = flag('unusual_hour', 'medium');
    const asked: Flag[][] = [];
    const spying: Policy = {
      ...policy,
      review: (question) => {
        asked.push([...question.flags]);
        return policy.review(question);
      },
    };
    checkUnchanged(judged, { preview: judged.preview.preview, flags: [graver, night] }, { policy: spying, nowMs: 0 });
    expect(asked).toEqual([[known, graver, night]]);
  });
});
