import { VaultFault } from '../../vault/vault-fault.js';
import { OutcomeUnknown, ServiceFault } from '../../core/errors.js';
import type { JsonObject } from '../../core/json.js';
import type { Flag, Preview } from '../../core/schemas/action.js';
import type { VaultTarget } from '../../targets/vault.js';
import type { VaultToken } from '../../vault/credentials/token.js';
import type { TokenVault } from '../../vault/leases.js';
import { flag } from '../common-flags.js';
import type { ExecuteContext, FoundOutcome, OutcomeContext } from '../operation.js';
import type { VaultPolicyParams } from './params.js';
import { pathOf, previewPolicy, readPresent, stateDigest, undoOf, type PolicyPreview } from './preview.js';

/** Requests that the token of an execution makes: two reads before the write, the write, the read after it, and one to ask again. */
export const EXECUTE_USES = 8;
/** A preview reads once. */
export const PREVIEW_USES = 3;

/**
 * Writes the policy, or deletes it: previews again, begins the effect, compares the text once more, writes, reads back.
 * Vault has no compare-and-set for policies that both servers know: between the last comparison and the write lies one request.
 */
export async function executePolicy(
  context: ExecuteContext<VaultPolicyParams, VaultTarget, VaultToken>,
): Promise<JsonObject> {
  const { params, target, credential, signal } = context;
  const { vault } = credential.material;
  signal.throwIfAborted();
  const shown = await previewPolicy(vault, { params, target, pastChanges: 1, nowMs: Date.now() });
  await context.beginEffect({ preview: shown.preview, flags: shown.flags });
  signal.throwIfAborted();
  if ((await readPresent(vault, params.name)) !== shown.present) {
    throw new ServiceFault(
      'target',
      `Policy ${params.name} was changed at the last moment; nothing was written.`,
      false,
    );
  }
  await write(vault, params.name, shown);
  const observed = await readPresent(vault, params.name).then(stateDigest, () => null);
  return resultOf(params, shown.preview, observed);
}

/** When no answer comes, Vault may have written all the same: it is asked, never written again. */
async function write(vault: TokenVault, name: string, { present, proposed }: PolicyPreview): Promise<void> {
  try {
    if (proposed === null) await vault.delete(pathOf(name));
    else await vault.write(pathOf(name), { policy: proposed });
  } catch (error) {
    const found = await readPresent(vault, name).then(stateDigest, () => null);
    if (found === stateDigest(proposed)) return;
    // Without an answer, the write may still be on its way.
    const isAnswered = error instanceof VaultFault && error.status !== null;
    if (found === stateDigest(present) && isAnswered) {
      const message = `Vault did not write policy ${name}; it is as it was before.`;
      throw new ServiceFault('target', message, false, { cause: error });
    }
    throw new OutcomeUnknown(`It is not known whether Vault wrote policy ${name}: read it.`, { cause: error });
  }
}

function resultOf(params: VaultPolicyParams, preview: Preview, observed: string | null): JsonObject {
  const { allowed = 0, lost = 0, after: declared = null } = preview.estimate;
  return { policy: params.name, allowed, lost, declared, observed, undo: undoOf(params, preview) };
}

/** After a crash: the policy itself says whether it was written. */
export async function findPolicyOutcome({
  params,
  approved,
  lease,
}: OutcomeContext<VaultPolicyParams, VaultTarget, VaultToken>): Promise<FoundOutcome> {
  const { vault } = (await lease()).material;
  const observed = stateDigest(await readPresent(vault, params.name));
  if (observed === approved.estimate['after']) return { kind: 'done', result: resultOf(params, approved, observed) };
  const message =
    observed === approved.estimate['before']
      ? `Policy ${params.name} was not written: it is as it was before.`
      : `Policy ${params.name} is neither as it was before nor as it was to be: somebody else changed it too.`;
  return { kind: 'unknown', message };
}

/** Compares what was declared with what was read after the write. */
export function effectFlags(preview: Preview, { observed }: JsonObject): Flag[] {
  if (typeof observed !== 'string')
    return [flag('effect_unverified', 'medium', 'The policy was written, but could not be read back afterwards.')];
  if (observed === preview.estimate['after']) return [];
  return [flag('effect_mismatch', 'critical', 'After the write, the policy was not what had been shown.')];
}
