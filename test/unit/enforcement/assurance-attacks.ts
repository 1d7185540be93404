import type { StatementBody } from '../../../src/core/schemas/statements.js';
import type { Attack } from './attacks.js';
import { approve, lastRound, MINUTE_MS, OPENED_AT_MS, renameAll, type Facts } from './evidence.js';

type Decision = StatementBody<'decision'>;

const VIA: Decision['via'] = { channel: 'web', subject: 'ben', eventId: 'ben/1' };
const DECIDED_AT_MS = OPENED_AT_MS + MINUTE_MS;
// Left out of the statement, as JSON leaves it out.
const NONE = undefined as unknown as NonNullable<Decision['signIn']>;
const FRESH = { authTimeMs: DECIDED_AT_MS - MINUTE_MS, acr: null };

/** Demands `@assurance("web")`, and has ben approve as `change` says; unchanged it is an honest approval. */
export function approveInWeb(facts: Facts, change: Partial<Decision> = {}): void {
  const { plan } = lastRound(facts);
  plan.plan = { ...plan.plan, assurance: 'web' };
  renameAll(facts);
  lastRound(facts).decisions = [];
  approve(facts, 'ben', { via: VIA, signIn: FRESH, decidedAtMs: DECIDED_AT_MS, ...change });
}

const APPROVALS: [what: string, change: Partial<Decision>, acrValues?: string[]][] = [
  ['in chat', { via: { ...VIA, channel: 'slack' }, signIn: NONE }],
  ['in chat, that claims a sign-in', { via: { ...VIA, channel: 'slack' } }],
  ['by an access token', { via: { ...VIA, channel: 'api' }, signIn: NONE }],
  ['in the full view, without a sign-in', { signIn: NONE }],
  ['after a sign-in of nobody knows when', { signIn: { authTimeMs: null, acr: 'phr' } }],
  ['after a stale sign-in', { signIn: { ...FRESH, authTimeMs: DECIDED_AT_MS - 5 * MINUTE_MS - 1 } }],
  ['after a sign-in that is yet to come', { signIn: { ...FRESH, authTimeMs: DECIDED_AT_MS + MINUTE_MS + 1 } }],
  ['without the acr that is demanded', {}, ['phr', 'phrh']],
  ['with another acr than is demanded', { signIn: { ...FRESH, acr: 'pwd' } }, ['phr']],
];

/** Ways to have an action run that policy lets people decide in the full view only. */
export const ASSURANCE_ATTACKS: readonly Attack[] = APPROVALS.map(([what, change, acrValues = []]) => ({
  check: 'each approval was given as the plan demands that people prove who they are',
  what: `an approval ${what}, where policy demands the full view and a fresh sign-in`,
  forge(facts) {
    approveInWeb(facts, change);
    facts.assurance = { ...facts.assurance, acrValues };
  },
  answer: 'ReviewAgain',
  code: 'assurance_required',
}));
