import { OutcomeUnknown, ServiceFault } from '../../core/errors.js';
import type { JsonObject } from '../../core/json.js';
import type { Flag, Preview } from '../../core/schemas/action.js';
import { unpackBundle } from '../../policy/governed/bundle-document.js';
import {
  readPointer,
  readStoredBundle,
  writePointer,
  writeStoredBundle,
  type Pointer,
  type StoreReader,
} from '../../policy/governed/policy-store.js';
import type { PolicyStoreTarget } from '../../targets/policy-store.js';
import type { VaultToken } from '../../vault/credentials/token.js';
import { VaultFault } from '../../vault/vault-fault.js';
import { flag } from '../common-flags.js';
import type { ExecuteContext, FoundOutcome, OutcomeContext } from '../operation.js';
import type { PolicyChangeParams } from './params.js';
import { previewChange } from './preview.js';

/** Requests that the token of an execution makes: four reads, two writes, four reads after them, and some to ask again. */
export const EXECUTE_USES = 16;
/** A preview reads twice, and once more for each place that is empty. */
export const PREVIEW_USES = 6;

type Context = ExecuteContext<PolicyChangeParams, PolicyStoreTarget, VaultToken>;

/**
 * Writes the bundle, then the pointer, each by compare-and-set: of two changes for the same number one gets through. What
 * is written puts nothing in force: every process decides the change again from the record.
 */
export async function executeChange(context: Context): Promise<JsonObject> {
  const { actionId, params, credential, signal } = context;
  const { vault } = credential.material;
  const place = { mount: context.target.vault.mount };
  signal.throwIfAborted();
  const shown = await previewChange(vault, { ...context, past: { sameKind: 1 }, nowMs: Date.now() });
  await context.beginEffect({ preview: shown.preview, flags: shown.flags });
  signal.throwIfAborted();
  const pointer: Pointer = { number: params.number, digest: params.digest, change: actionId };
  const { versions, document } = shown;
  try {
    await writeStoredBundle(vault, place, { ...pointer, document }, versions.bundle);
    await writePointer(vault, place, pointer, versions.pointer);
  } catch (error) {
    await judgeFailure(error, vault, place, pointer);
  }
  return resultOf(params, await observe(vault, place, pointer).catch(() => null));
}

/** When no answer comes, Vault may have written all the same: it is asked, never written again. */
async function judgeFailure(
  error: unknown,
  vault: StoreReader,
  place: { mount: string },
  pointer: Pointer,
): Promise<void> {
  const found = await readPointer(vault, place).catch(() => null);
  if (found?.state === 'there' && found.value.change === pointer.change) return;
  // Without an answer, the write may still be on its way.
  const isAnswered = error instanceof VaultFault && error.status !== null;
  if (found !== null && isAnswered) {
    const message = `Vault did not take bundle ${String(pointer.number)}: somebody else wrote there first, or it refused. Nothing is in force by it.`;
    throw new ServiceFault('target', message, false, { cause: error });
  }
  throw new OutcomeUnknown(`It is not known whether Vault took bundle ${String(pointer.number)}: read its pointer.`, {
    cause: error,
  });
}

/** Digest of the bundle that lies there now, if the pointer names it too. */
async function observe(vault: StoreReader, place: { mount: string }, pointer: Pointer): Promise<string> {
  const [current, stored] = [await readPointer(vault, place), await readStoredBundle(vault, place, pointer.number)];
  if (current.state !== 'there' || stored.state !== 'there') return 'absent';
  const { number, digest, change } = current.value;
  const isNamed = number === pointer.number && digest === pointer.digest && change === pointer.change;
  return isNamed && stored.value.change === change ? unpackBundle(stored.value.document).digest : 'another';
}

function resultOf({ number, digest, previous }: PolicyChangeParams, observed: string | null): JsonObject {
  return { number, digest, previous, observed };
}

/** After a crash: the store itself says whether it was written. */
export async function findChangeOutcome({
  actionId,
  params,
  target,
  lease,
}: OutcomeContext<PolicyChangeParams, PolicyStoreTarget, VaultToken>): Promise<FoundOutcome> {
  const { vault } = (await lease()).material;
  const pointer = { number: params.number, digest: params.digest, change: actionId };
  const observed = await observe(vault, { mount: target.vault.mount }, pointer);
  if (observed === params.digest) return { kind: 'done', result: resultOf(params, observed) };
  const message = `The pointer in Vault does not name bundle ${String(params.number)} of this action: propose it again.`;
  return { kind: 'unknown', message };
}

/** Compares what was declared with what was read after the write. */
export function effectFlags({ estimate }: Preview, { observed }: JsonObject): Flag[] {
  if (typeof observed !== 'string')
    return [flag('effect_unverified', 'medium', 'The bundle was written, but could not be read back afterwards.')];
  if (observed === estimate['digest']) return [];
  return [flag('effect_mismatch', 'critical', 'After the write, the policy store did not hold what had been shown.')];
}
