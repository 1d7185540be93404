import type { AssuranceSettings } from '../core/assurance.js';
import type { StatementBody } from '../core/schemas/statements.js';
import { Refusal, type RefusalCode } from '../core/errors.js';
import type { Target } from '../targets/targets.js';
import type { Operation, OperationCatalog } from '../operations/operation.js';
import type { Policy } from '../policy/policy.js';
import type { Provenance } from '../directory/directory.js';
import type { AlarmState } from '../record/alarms.js';
import type { RecentEffects } from '../record/effects.js';
import { provenanceOf } from '../record/provenance.js';
import { allOf, type AnyRecorded, type DebtList, type Recorded } from '../record/record.js';

/** What the executor judges from: signed statements on record, the verified bundle, and its own clock. */
export interface Evidence {
  actionId: string;
  /** The run that asks; only compared with what the decisions are bound to. */
  runId: string;
  round: number;
  statements: readonly AnyRecorded[];
  /** Of the agent, of the operation and of everything: as `Record.freezesOf` reads them. */
  freezes: readonly AnyRecorded[];
  /** As `Record.alarms` reads them. */
  alarms: readonly AlarmState[];
  /** What budgets of the plan count, as `effectsFor` reads it. */
  effects: RecentEffects;
  /** As `Record.debts` reads them, chained; asked for where somebody breaks the glass. */
  debts: DebtList;
  policy: Policy;
  operations: OperationCatalog;
  assurance: AssuranceSettings;
  nowMs: number;
}

/** The evidence, laid out. */
export interface Case {
  request: Recorded<'request'>;
  requestDigest: string;
  /** On whose behalf it was asked for; what was stated after the first plan is not in it. */
  provenance: Provenance | null;
  preview: StatementBody<'preview'>;
  plan: StatementBody<'plan'>;
  operation: Operation;
  target: Target;
  params: unknown;
  /** All on record, of whatever run, round and digest: the checks tell which count. */
  decisions: StatementBody<'decision'>[];
  escalations: StatementBody<'escalation'>[];
}

/** People must look again: what they approved is not what would run now, or they have not approved it in this run. */
export class ReviewAgain extends Error {
  override readonly name = 'ReviewAgain';
  readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Lays the evidence out.
 * @throws Refusal `statement_missing`, `operation_unknown`, `params_invalid` or `target_unknown`.
 */
export function layOut({
  statements,
  operations,
  policy,
  round,
}: Pick<Evidence, 'statements' | 'operations' | 'policy' | 'round'>): Case {
  const request = allOf(statements, 'request')[0];
  const preview = allOf(statements, 'preview').findLast(({ body }) => body.round === round)?.body;
  const plan = allOf(statements, 'plan').findLast(({ body }) => body.round === round)?.body;
  if (request === undefined) throw new Refusal('statement_missing', 'No signed request is on record for this action.');
  if (preview === undefined)
    throw new Refusal('statement_missing', 'No preview signed by the worker is on record for this round.');
  if (plan === undefined)
    throw new Refusal('statement_missing', 'No plan signed by the worker is on record for this round.');
  const operation = operations.get(request.body.operation);
  if (operation === undefined)
    throw new Refusal('operation_unknown', `There is no operation "${request.body.operation}".`, 'operation');
  const params = operation.paramsSchema.safeParse(request.body.params);
  if (!params.success)
    throw new Refusal('params_invalid', 'The parameters of the signed request do not parse.', 'params');
  const target = policy.target(operation.targetName(params.data));
  if (target?.kind !== operation.targetKind)
    throw new Refusal('target_unknown', 'The bundle in force has no such target.', 'params.target');
  return {
    request,
    requestDigest: request.statement.subject[0].digest.sha256,
    provenance: provenanceOf(statements),
    preview,
    plan,
    operation,
    target,
    params: params.data,
    decisions: allOf(statements, 'decision').map(({ body }) => body),
    escalations: allOf(statements, 'escalation').map(({ body }) => body),
  };
}
