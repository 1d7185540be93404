import { payloadDigest, readPayload, type Envelope } from '../core/dsse.js';
import { Refusal } from '../core/errors.js';
import { digestOf } from '../core/json.js';
import type { Keyring } from '../core/keyring.js';
import { countGlass } from '../core/quorum.js';
import { predicateTypeOf, statementBodySchemas, type StatementKind } from '../core/schemas/statements.js';
import type { AgentSigners } from '../directory/agent-signers.js';
import { viewAction, type ActionView } from '../record/action-view.js';
import { claimedPlan } from '../record/debts.js';
import { allOf, type AnyRecorded } from '../record/record.js';
import { createStatementVerifier } from '../record/verify-statement.js';

/** One thing that was checked, as a sentence. */
export interface StatementCheck {
  ok: boolean;
  what: string;
}

export interface StatementsVerdict {
  actionId: string;
  ok: boolean;
  checks: StatementCheck[];
}

export interface Verifying extends AgentSigners {
  actionId: string;
  keyring: Keyring;
}

/** Checks the statements about one action: each by itself, and that together they tell one story. */
export function verifyStatements(envelopes: readonly Envelope[], verifying: Verifying): StatementsVerdict {
  return judgeStatements(envelopes, verifyEach(envelopes, verifying), verifying);
}

/** The same of what `verifyEach` found. */
export function judgeStatements(
  envelopes: readonly Envelope[],
  { recorded, faults }: ReturnType<typeof verifyEach>,
  verifying: Pick<Verifying, 'actionId'>,
): StatementsVerdict {
  const signed = {
    ok: envelopes.length > 0 && faults.length === 0,
    what: `${String(recorded.length)} of ${String(envelopes.length)} statements are signed by a key that may say so`,
  };
  const view = viewAction(recorded);
  const together =
    view === undefined ? [{ ok: false, what: 'The request is among them' }] : checkTogether(recorded, view);
  const checks = [signed, ...faults.map((what) => ({ ok: false, what })), ...together];
  return { actionId: verifying.actionId, ok: checks.every(({ ok }) => ok), checks };
}

/** Judges each statement by itself. `faults` tell, a sentence each, of those that are not valid. */
export function verifyEach(
  envelopes: readonly Envelope[],
  { actionId, keyring, ...agents }: Verifying,
): { recorded: AnyRecorded[]; faults: string[] } {
  const verify = createStatementVerifier({ keyring: () => keyring, ...agents });
  const recorded: AnyRecorded[] = [];
  const faults: string[] = [];
  for (const [index, envelope] of envelopes.entries()) {
    const number = String(index + 1);
    try {
      const kind = kindOf(envelope);
      const { statement, digest } = verify(kind, actionId, envelope);
      const { body } = statement.predicate;
      // When it arrived is the record's word, which is not fetched.
      recorded.push({
        sequence: index,
        kind,
        actionId,
        digest,
        body,
        statement,
        envelope,
        recordedAtMs: 0,
      } as AnyRecorded);
    } catch (error) {
      faults.push(`Statement ${number}: ${error instanceof Refusal ? error.message : 'it cannot be read'}`);
    }
  }
  return { recorded, faults };
}

/** What a statement says it is; whether it is, the verifier judges. */
function kindOf(envelope: Envelope): StatementKind {
  const type = (readPayload(envelope) as { predicateType?: unknown }).predicateType;
  const kind = (Object.keys(statementBodySchemas) as StatementKind[]).find((name) => predicateTypeOf(name) === type);
  if (kind === undefined) throw new Refusal('statement_invalid', 'it is of no kind that this release knows');
  return kind;
}

function checkTogether(recorded: readonly AnyRecorded[], view: ActionView): StatementCheck[] {
  const plans = allOf(recorded, 'plan').map(({ body }) => body);
  const subjects = new Set(recorded.map(({ statement }) => statement.subject[0].digest.sha256));
  const digests = new Set(plans.map(({ actionDigest }) => actionDigest));
  const bound = [...allOf(recorded, 'decision'), ...allOf(recorded, 'claim'), ...allOf(recorded, 'effect')];
  const ran = allOf(recorded, 'effect').length > 0;
  const open = view.leases.filter(({ revokedAtMs }) => revokedAtMs === null);
  return [
    { ok: subjects.size === 1, what: 'All are about the one request' },
    {
      ok: plans.every(({ snapshot, actionDigest }) => digestOf(snapshot) === actionDigest),
      what: 'Each plan names the digest of what it shows',
    },
    {
      ok: bound.every(({ body }) => digests.has(body.actionDigest)),
      what: 'Decisions, claim and effect name a digest that was shown',
    },
    ran ? checkFilled(recorded, view) : { ok: true, what: 'No statement here says that it ran' },
    {
      ok: open.length === 0,
      what:
        open.length === 0 ? 'The end of each lease is on record' : `${String(open.length)} leases without a proven end`,
    },
    ...checkReviews(recorded, view),
    ...checkProvenance(recorded),
    ...checkReceipt(recorded),
  ];
}

/** Enough distinct people approved it; or broke the glass, as its plan lets them, and the executor claimed it for that. */
function checkFilled(recorded: readonly AnyRecorded[], { quorum }: ActionView): StatementCheck {
  const isFilled = quorum?.filled === true;
  const isClaimed = allOf(recorded, 'claim').some(({ body }) => body.breakGlass !== undefined);
  if (isFilled || !isClaimed) return { ok: isFilled, what: 'It ran, and its plan was filled by distinct people' };
  const by = breakersOf(recorded);
  return by === null
    ? { ok: false, what: 'It ran because the glass was broken, by people of whom no decision here says so' }
    : { ok: true, what: `It ran because ${by.join(' and ')} broke the glass, as its plan lets them` };
}

/** Who broke the glass for what ran, as the claim of each effect says and the decisions of its run and round bear out; else null. */
function breakersOf(recorded: readonly AnyRecorded[]): readonly string[] | null {
  const claims = allOf(recorded, 'effect').map(({ body: { actionDigest, attempt } }) =>
    allOf(recorded, 'claim').find(({ body }) => body.actionDigest === actionDigest && body.attempt === attempt),
  );
  const broken = claims.map((claim) => {
    const plan = claim === undefined ? undefined : claimedPlan(recorded, claim);
    if (claim?.body.breakGlass === undefined || plan === undefined) return null;
    const { actionDigest, runId, breakGlass } = claim.body;
    const approvals = allOf(recorded, 'decision')
      .filter(({ body }) => body.decision === 'approve' && body.breakGlass === true)
      .filter(({ body }) => body.actionDigest === actionDigest && body.round === plan.round && body.runId === runId)
      .map(({ body: { approver } }) => ({ ...approver, breakGlass: true }))
      .filter(({ person }) => breakGlass.by.includes(person));
    const said = new Set(approvals.map(({ person }) => person));
    const isBorneOut = breakGlass.by.every((person) => said.has(person));
    return isBorneOut && countGlass(plan.plan, approvals)?.filled === true ? breakGlass.by : null;
  });
  return broken.some((by) => by === null) ? null : (broken.at(-1) ?? null);
}

/** What people found of the broken glass: who broke it, and who is barred, has no say in that. */
function checkReviews(recorded: readonly AnyRecorded[], { breakGlass }: ActionView): StatementCheck[] {
  const debt = breakGlass?.debt ?? null;
  const counted = new Set(debt?.retrospectives.map(({ person }) => person));
  const others = allOf(recorded, 'retrospective').filter(({ body }) => !counted.has(body.by.person));
  const faults = others.map(({ body }) => ({
    ok: false,
    what: `${body.by.person} reviewed a broken glass ${debt === null ? 'that nobody broke' : 'without a say in it'}`,
  }));
  if (debt === null) return faults;
  const found = debt.retrospectives.map(
    ({ person, groups, verdict }) =>
      `${person}, for ${groups.join(' and ')}, found it ${verdict === 'justified' ? 'justified' : 'not justified'}`,
  );
  const due = new Date(debt.dueAtMs).toISOString();
  const owed = `nobody has reviewed it for ${debt.open.join(' and ')}, which was due by ${due}`;
  const says = [...found, ...(debt.open.length > 0 ? [owed] : [])].join('; ');
  return [{ ok: true, what: `Of the broken glass its statements say: ${says}` }, ...faults];
}

/** Who prompted it bars fewer people, so it must have been known when these were named. */
function checkProvenance(recorded: readonly AnyRecorded[]): StatementCheck[] {
  const stated = allOf(recorded, 'provenance');
  const firstPlan = allOf(recorded, 'plan')[0]?.sequence ?? Infinity;
  if (stated.length === 0) return [];
  const ok = stated.every(({ sequence }) => sequence < firstPlan);
  return [
    { ok, what: ok ? 'Who prompted it was on record before it was planned' : 'Who prompted it was stated too late' },
  ];
}

function checkReceipt(recorded: readonly AnyRecorded[]): StatementCheck[] {
  const receipt = allOf(recorded, 'receipt').at(-1);
  if (receipt === undefined) return [{ ok: true, what: 'No receipt is here, which would say what else must be' }];
  const there = new Set(recorded.map(({ envelope }) => payloadDigest(envelope)));
  const missing = receipt.body.statements.filter((digest) => !there.has(digest));
  const what =
    missing.length === 0
      ? `All ${String(receipt.body.statements.length)} statements that the receipt lists are here`
      : `${String(missing.length)} statements that the receipt lists were not handed out`;
  return [{ ok: missing.length === 0, what }];
}
