import { readFile } from 'node:fs/promises';
import { ServiceFault } from '../../core/errors.js';
import { digestOf, type JsonObject } from '../../core/json.js';
import type { Flag, Preview } from '../../core/schemas/action.js';
import { CONTENT_LIMIT_BYTES } from '../../record/contents.js';
import type { InfraTarget } from '../../targets/infra.js';
import type { PreviewContext } from '../operation.js';
import { complaintOf } from './complaints.js';
import { countExpected, encodeExpected, expectedOf } from './expected.js';
import { findFlags } from './flags.js';
import type { InfraLogin } from './login.js';
import { isListed, type InfraApplyParams } from './params.js';
import { readPlan, type Plan } from './plan-json.js';
import { countChanges, renderPlan, sentenceOf, type Counts } from './render.js';
import { readState, type State } from './state.js';
import { withWorkspace, type Workspace, type WorkspaceInput } from './workspace.js';

type InfraPreviewContext = PreviewContext<InfraApplyParams, InfraTarget, InfraLogin>;

const PLAN_FILE = 'new.tfplan';

/** Plans with the read-only lease and keeps the plan file, which is what an approval will apply. */
export async function previewApply(context: InfraPreviewContext): Promise<{ preview: Preview; flags: Flag[] }> {
  const { keepsakes, past, nowMs } = context;
  return withWorkspace(context, async (workspace) => {
    const planned = await planIn(workspace, context);
    const file = await readFile(workspace.file(PLAN_FILE));
    if (file.length > CONTENT_LIMIT_BYTES)
      throw new ServiceFault('host', `The plan file has ${String(file.length)} bytes: too many to keep.`, false);
    const kept = {
      planSha256: await keepsakes.put(file),
      expectedSha256: await keepsakes.put(encodeExpected(expectedOf(planned.plan))),
    };
    return describePlan({ ...context, ...planned, workspace, kept, pastApplies: past.sameKind, nowMs });
  });
}

/** Plans under the state's lock, and reads the plan. Throws Refusal `plan_failed`; ServiceFault where another holds the lock. */
export async function planIn(workspace: Workspace, input: WorkspaceInput): Promise<{ plan: Plan; state: State }> {
  const { target, credential, params } = input;
  const state = await readState(target, credential);
  const { code, output, errors } = await workspace.tofu([
    'plan',
    '-input=false',
    '-json',
    // The lock is an advisory one in the session: it takes no right to write.
    '-lock-timeout=3s',
    `-out=${workspace.file(PLAN_FILE)}`,
    `-var-file=${workspace.file('request.tfvars.json')}`,
    ...(params.destroy === true ? ['-destroy'] : []),
  ]);
  if (code !== 0) throw complaintOf('plan', `${output}\n${errors}`);
  const after = await readState(target, credential);
  if (after.serial !== state.serial || after.lineage !== state.lineage)
    throw new ServiceFault('target', 'The state was written while it was planned. Nothing ran.', true);
  return { plan: await showPlan(workspace, workspace.file(PLAN_FILE)), state };
}

/** What a saved plan file says. */
export async function showPlan(workspace: Workspace, file: string): Promise<Plan> {
  const { code, output } = await workspace.tofu(['show', '-json', file]);
  if (code !== 0) throw new ServiceFault('host', 'OpenTofu cannot read its own plan file.', false);
  return readPlan(output);
}

interface Described extends Pick<WorkspaceInput, 'agent' | 'target' | 'params'> {
  workspace: Workspace;
  plan: Plan;
  state: State;
  /** Digests of what the preview kept. */
  kept: { planSha256: string; expectedSha256: string };
  pastApplies: number;
  nowMs: number;
}

/** The preview of a plan: a pure function of it, so that the same plan is the same content. */
export function describePlan(input: Described): { preview: Preview; flags: Flag[] } {
  const { target, params, workspace, plan, state, kept } = input;
  const { source, findings } = workspace;
  const counts = countChanges(plan);
  const text = renderPlan(plan, params);
  const estimate: JsonObject = {
    ...counts,
    ...kept,
    verifiable: countExpected(expectedOf(plan)),
    serial: state.serial,
    lineage: state.lineage,
    configuration: source.digest,
    parentCommit: source.parentCommit,
  };
  const preview: Preview = {
    summary: `Plan for ${target.name} (${target.environment}): ${sentenceOf(counts)}`.slice(0, 300),
    facts: factsOf(input, counts),
    content: { language: 'diff', text },
    fingerprint: digestOf({
      configuration: source.digest,
      folder: source.folder,
      variables: params.variables ?? {},
      destroy: params.destroy ?? false,
      lineage: state.lineage,
      serial: state.serial,
      providers: target.providers,
      // Sensitive values are masked in it: a digest of them on record could be guessed.
      plan: text,
      by: plan.changes.map(({ address, provider }) => [address, provider]),
    }),
    estimate,
  };
  const destroysAll = params.destroy === true;
  const { pastApplies, nowMs } = input;
  return { preview, flags: findFlags({ plan, findings, target, destroysAll, pastApplies, nowMs }) };
}

function factsOf(
  { agent, target, params: { source }, state, plan, workspace }: Described,
  counts: Counts,
): Preview['facts'] {
  const providers = [...new Set(plan.changes.map(({ provider }) => provider))].sort();
  const from =
    source.kind === 'git'
      ? `commit ${source.commit} of ${source.repository}`
      : `tarball ${source.sha256}${isListed(source, target) ? '' : `, uploaded by ${agent}`}`;
  const { schema, database } = target.state;
  return [
    { label: 'Workspace', value: `${target.name} (${target.environment}), state in ${database}, schema ${schema}` },
    { label: 'Source', value: `${from}${source.folder === undefined ? '' : `, folder ${source.folder}`}` },
    {
      label: 'Changes',
      value: Object.entries(counts)
        .map(([kind, count]) => `${kind} ${String(count)}`)
        .join(', '),
    },
    { label: 'Changed outside of OpenTofu', value: String(plan.drift.length) },
    { label: 'State', value: state.lineage === '' ? 'none yet' : `number ${String(state.serial)} of ${state.lineage}` },
    ...loginFacts(target),
    { label: 'Providers', value: providers.join(', ').slice(0, 2_000) || 'none' },
    { label: 'Configuration', value: `SHA-256 ${workspace.source.digest}` },
  ];
}

/** As whom providers plan and apply; nothing where nothing is leased for them. */
function loginFacts({ providerCredentials: { aws, postgres } = {} }: InfraTarget): Preview['facts'] {
  const facts: Preview['facts'] = [];
  if (postgres !== undefined) {
    const { host, database, executeRole } = postgres;
    facts.push({ label: 'Providers in PostgreSQL', value: `${database} on ${host}, by Vault role ${executeRole}` });
  }
  if (aws !== undefined) facts.push({ label: 'Providers in AWS', value: `as ${aws.executeRoleArn}` });
  return facts;
}
