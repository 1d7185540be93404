import { beforeAll, describe, expect, it } from 'vitest';
import type { Envelope } from '../../../src/core/dsse.js';
import { canonicalJson, digestOf } from '../../../src/core/json.js';
import { encodeEvidence, type Evidence } from '../../../src/evidence/format.js';
import { LEFT_OUT, offlineChecks } from '../../../src/evidence/judge-again.js';
import { createEvidenceVerifier, type EvidenceVerdict } from '../../../src/evidence/verify-bundle.js';
import { operations } from '../../../src/operations/catalog.gen.js';
import { checks } from '../../../src/enforcement/checks.js';
import {
  historyWith,
  makeEvidence,
  makeSmallEvidence,
  openYard,
  ORIGIN,
  proveAll,
  sealAs,
  type SigningYard,
} from '../../support/evidence.js';
import { makeKey } from '../../support/signing.js';
import { approve, lastRound, type Facts } from '../enforcement/evidence.js';

let yard: SigningYard;
let honest: Evidence;
let small: Evidence;
let verify: (bytes: Uint8Array) => Promise<EvidenceVerdict>;

beforeAll(async () => {
  yard = await openYard();
  honest = (await makeEvidence(yard)).evidence;
  small = await makeSmallEvidence(yard);
  verify = verifierOf(yard);
}, 60_000);

function verifierOf({ root, agent }: SigningYard, small = false): typeof verify {
  const verifyEvidence = createEvidenceVerifier({
    root: root.publicKey.publicKey,
    operations,
    ...(small && { agentPublicKey: agent.publicKey.publicKey }),
  });
  return async (bytes) => (await verifyEvidence(bytes)).verdict;
}

const faultsOf = ({ checks: all }: EvidenceVerdict): string[] => all.flatMap(({ ok, what }) => (ok ? [] : [what]));

describe('an evidence bundle', () => {
  it('holds, and says what it proves and what it does not', async () => {
    const verdict = await verify(encodeEvidence(honest));
    expect(faultsOf(verdict)).toEqual([]);
    expect(verdict.ok).toBe(true);
    const said = verdict.checks.map(({ what }) => what).join('\n');
    expect(said).toContain('The keyring (number 1) is signed by the root key that was given');
    expect(said).toContain('11 of 11 statements are signed by a key that may say so');
    expect(said).toContain('11 of 11 statements are proven to be in the ledger, in this order');
    expect(said).toContain('Judged again by policy 1, it had the right to run: ben fill it, none of them barred');
    expect(said).toContain('All 9 statements that the receipt lists are here');
    expect(said).toContain('1 archived history counts no decision and no withdrawal but those among the statements');
    expect(verdict.notProven.join('\n')).toMatch(/another ledger.*identity provider.*frozen/s);
  });

  it('is one spelling: the same JSON in another one is refused', async () => {
    for (const text of [canonicalJson(honest), `${JSON.stringify(honest, null, 1)}\n`, ` ${canonicalJson(honest)}\n`])
      expect(faultsOf(await verify(new TextEncoder().encode(text)))).toEqual([expect.stringContaining('canonical')]);
  });

  it.each([
    ['beside its parameters', '"params":{"', '"params":{"__proto__":{"lie":true},"'],
    ["in its preview's estimate", '"estimate":{"', '"estimate":{"__proto__":"lie","'],
  ])('holds nothing that its readers pass over, %s', async (_what, from, to) => {
    const text = new TextDecoder().decode(encodeEvidence(honest));
    expect(text).toContain(from);
    const verdict = await verify(new TextEncoder().encode(text.replace(from, to)));
    expect(faultsOf(verdict)).toEqual([expect.stringContaining('canonical')]);
  });

  it('that is nested too deeply is refused, not given up on', async () => {
    const deep = `"params":{"a":${'['.repeat(100_000)}${']'.repeat(100_000)},"`;
    const text = new TextDecoder().decode(encodeEvidence(honest)).replace('"params":{"', deep);
    expect(faultsOf(await verify(new TextEncoder().encode(text)))).toEqual(['The bundle is nested too deeply.']);
  });

  it('that was cut short claims nothing about what was cut off', async () => {
    // Four statements of eleven: it ran, and there is a receipt, of which this bundle says nothing.
    const cut = { ...honest, checkpoint: null, contents: [], entries: honest.entries.slice(0, 4) };
    const bare = { ...cut, entries: cut.entries.map(({ envelope }) => ({ envelope, proof: null })) };
    const { checks: said, notProven } = await verify(encodeEvidence(bare));
    const claims = said.map(({ what }) => what).join('\n');
    expect(claims).not.toMatch(/did not run|has not ended|is in the ledger yet/);
    expect(claims).toContain('No statement here says that it ran');
    expect(notProven.join('\n')).toMatch(
      /left out.*4 of the statements.*their proofs were left out.*Whether it ran or ended/s,
    );
  });

  it('is judged by all the checks of the executor that need no more than it holds', () => {
    const names = checks.map(({ name }) => name);
    expect(Object.keys(LEFT_OUT).filter((name) => !names.includes(name))).toEqual([]);
    expect(offlineChecks.length).toBe(checks.length - Object.keys(LEFT_OUT).length);
  });
});

/** What somebody without our keys, or with one of them, could make of a bundle, and what gives it away. */
const FORGERIES: [what: string, says: string | RegExp, forge: () => Promise<Evidence> | Evidence][] = [
  [
    'another root',
    'not signed by the root key',
    async () => ({ ...honest, keyring: (await openYard()).sealedKeyring }),
  ],
  ['a statement left out', /statements that the receipt lists were not handed out/, () => without(honest, 3)],
  [
    'the receipt left out, with all after it',
    'named by no statement',
    () => ({ ...honest, entries: honest.entries.slice(0, 10) }),
  ],
  [
    'the claim left out, with all that names it',
    'It ran, and the claim is not here',
    () => ({ ...honest, contents: [], entries: honest.entries.slice(0, 9).filter((_, at) => at !== 4) }),
  ],
  ['two statements exchanged', "not at its place in the ledger's order", () => exchanged(honest, 2, 3)],
  [
    'a proof of another statement',
    'proof_invalid',
    () => withEntry(honest, 2, ({ envelope }) => ({ envelope, proof: honest.entries[4]?.proof ?? null })),
  ],
  [
    'a proof with something in it that nobody signed',
    'its proof is not a tlog-proof',
    () =>
      withEntry(honest, 2, ({ envelope, proof }) => ({
        envelope,
        proof: (proof ?? '').replace('\n', '\nextra aGk=\n'),
      })),
  ],
  [
    'a checkpoint with a second signature, by nobody',
    'not a signed note',
    () => ({ ...honest, checkpoint: `${honest.checkpoint ?? ''}— other.example.com AAAAAAA=\n` }),
  ],
  [
    'a ledger signed by another key',
    'not a signed note',
    async () => ({ ...honest, ...(await proveAll(yard, envelopesOf(honest), { signer: makeKey('checkpoint/1') })) }),
  ],
  [
    'a ledger signed by the key of receipts',
    'not a signed note',
    async () => ({ ...honest, ...(await proveAll(yard, envelopesOf(honest), { signer: yard.keys.receipt })) }),
  ],
  [
    'proofs of a fork of the same size',
    'the ledger was forked',
    async () => {
      const [first, ...others] = envelopesOf(honest);
      const forked = await proveAll(yard, [...others, first as Envelope]);
      const own = forked.entries.at(-1);
      return withEntry(honest, 0, () => own as Evidence['entries'][number]);
    },
  ],
  [
    'other parameters',
    'not those of the signed statements',
    () => ({ ...honest, params: { ...honest.params, format: 'ndjson' } }),
  ],
  ['no preview', 'not those of the signed statements', () => ({ ...honest, preview: null })],
  [
    'a policy that lets ben do less',
    'are not those of their digest',
    () => ({ ...honest, policies: honest.policies.map((kept) => ({ ...kept, files: kept.files.slice(1) })) }),
  ],
  [
    'a policy of whoever made the bundle',
    'is named by no statement',
    async () => ({ ...honest, policies: [...honest.policies, (await openYard()).policyFiles] }),
  ],
  ['the history left out', /The history [0-9a-f]{64} is not here/, () => ({ ...honest, contents: [] })],
  [
    'another history',
    'is not what its digest says',
    () => ({ ...honest, contents: honest.contents.map(({ sha256 }) => ({ sha256, base64: 'e30=' })) }),
  ],
  [
    'the log of somebody else',
    'is named by no statement',
    () => ({ ...honest, contents: [...honest.contents, { sha256: digestOf('x'), base64: 'Ingi' }] }),
  ],
];

it('an older keyring, in which a stolen key still counts, is refused by who asks for a newer one', async () => {
  const check = createEvidenceVerifier({ root: yard.root.publicKey.publicKey, operations, leastKeyringNumber: 2 });
  const { verdict } = await check(encodeEvidence(honest));
  expect(faultsOf(verdict)).toEqual(["The bundle's keyring has number 1; at least 2 was asked for."]);
});

it('another ledger than was asked for is refused; without a name, it is told that any was taken', async () => {
  const verdictOf = async (origin?: string) => {
    const trust = { root: yard.root.publicKey.publicKey, operations, ...(origin !== undefined && { origin }) };
    return (await createEvidenceVerifier(trust)(encodeEvidence(honest))).verdict;
  };
  expect(faultsOf(await verdictOf('ledger.elsewhere'))).toEqual([
    `This is of the ledger ${ORIGIN}, not of ledger.elsewhere`,
  ]);
  expect((await verdictOf(ORIGIN)).notProven.join()).not.toContain('--origin');
  expect((await verdictOf()).notProven.at(-1)).toBe(
    `That ${ORIGIN} is the ledger that you mean: give its name by --origin.`,
  );
});

describe('a bundle that was forged is refused:', () => {
  it.each(FORGERIES)('%s', async (_what, says, forge) => {
    const verdict = await verify(encodeEvidence(await forge()));
    expect(verdict.ok).toBe(false);
    expect(faultsOf(verdict).join('\n')).toMatch(says);
  });
});

/** What whoever holds all keys but the people's consent could sign; the policy in the bundle tells. */
const UNLAWFUL: [what: string, says: string, change: (facts: Facts) => void][] = [
  [
    'approved by nobody',
    'do not fill the plan',
    (facts) => {
      lastRound(facts).decisions = [];
    },
  ],
  [
    "approved by the agent's own owner",
    'had no right to run',
    (facts) => {
      lastRound(facts).decisions = [];
      approve(facts, 'olivia');
    },
  ],
  [
    'approved by who is in no group',
    'had no right to run',
    (facts) => {
      lastRound(facts).decisions = [];
      approve(facts, 'paul', { approver: { person: 'paul', groups: ['dba'] } });
    },
  ],
];

describe('a bundle whose statements are all signed is refused when the action was', () => {
  it.each(UNLAWFUL)('%s', async (_what, says, change) => {
    const { evidence } = await makeEvidence(yard, change);
    const verdict = await verify(encodeEvidence(evidence));
    expect(verdict.ok).toBe(false);
    expect(faultsOf(verdict).join('\n')).toContain(says);
  });

  it('decided in the workflow by a decision that is not on record', async () => {
    const other = await sealAs(
      yard,
      { kind: 'refusal', body: { code: 'x', field: null, message: 'x', who: null, sentDigest: null } },
      { actionId: honest.actionId, requestDigest: digestOf('x') },
      yard.keys.worker,
    );
    const history = historyWith([other]);
    const { verifyHistories } = await import('../../../src/evidence/verify-histories.js');
    const archive = {
      kind: 'archive',
      body: { histories: [{ runId: 'r', sha256: 'a', bytes: 1, events: 1, kept: true }] },
    };
    const found = verifyHistories(
      { ...honest, contents: [{ sha256: 'a', base64: Buffer.from(history).toString('base64') }] },
      [archive] as never,
    );
    expect(found).toEqual([{ ok: false, what: expect.stringContaining('not among the statements') as string }]);
  });
});

/** Repeatable; printed with a failure. */
const SEED = 20_261_123;

function* numbers(seed: number): Generator<number> {
  for (let state = seed; ;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state;
  }
}

async function survivors(bytes: Uint8Array, places: Iterable<number>, check: typeof verify): Promise<string[]> {
  const random = numbers(SEED);
  const found: string[] = [];
  for (const at of places) {
    const was = bytes[at] ?? 0;
    const bits = 1 + (((random.next().value as number) >>> 8) % 255);
    bytes[at] = was ^ bits;
    if ((await check(bytes)).ok) found.push(`byte ${String(at)} ^ ${String(bits)} (seed ${String(SEED)})`);
    bytes[at] = was;
  }
  return found;
}

describe('one changed byte', () => {
  it('anywhere in a small bundle is noticed', async () => {
    const bytes = encodeEvidence(small);
    const check = verifierOf(yard, true);
    expect(faultsOf(await check(bytes))).toEqual([]);
    expect(await survivors(bytes, bytes.keys(), check)).toEqual([]);
  }, 120_000);

  it('at sampled places of a large bundle is noticed', async () => {
    const bytes = encodeEvidence(honest);
    const random = numbers(SEED);
    const places = Array.from({ length: 200 }, () => (random.next().value as number) % bytes.length);
    expect(await survivors(bytes, places, verify)).toEqual([]);
  }, 120_000);
});

const envelopesOf = ({ entries }: Evidence): Envelope[] => entries.map(({ envelope }) => envelope);

function without(evidence: Evidence, at: number): Evidence {
  return { ...evidence, entries: evidence.entries.filter((_, index) => index !== at) };
}

function exchanged(evidence: Evidence, one: number, other: number): Evidence {
  const entries = [...evidence.entries];
  [entries[one], entries[other]] = [entries[other] as never, entries[one] as never];
  return { ...evidence, entries };
}

function withEntry(
  evidence: Evidence,
  at: number,
  change: (entry: Evidence['entries'][number]) => Evidence['entries'][number],
): Evidence {
  return { ...evidence, entries: evidence.entries.map((entry, index) => (index === at ? change(entry) : entry)) };
}

it('the fixture names the ledger', () => {
  expect(honest.checkpoint?.split('\n')[0]).toBe(ORIGIN);
});
