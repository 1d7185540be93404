import { z } from 'zod';
import { ServiceFault } from '../core/errors.js';
import type { Proof } from '../vault/leases.js';
import type { Witness } from '../vault/vault-leases.js';
import { targetKinds, type Target } from './catalog.gen.js';
import type { EndedCredential, TargetBase, TargetKind, TargetWitness, WitnessDependencies } from './target-kind.js';

export type { Target } from './catalog.gen.js';

const byKind = new Map(targetKinds.map((kind) => [kind.kind, kind as unknown as TargetKind]));

/** An entry of `targets.yaml`, of any kind. */
export const targetSchema = z.discriminatedUnion(
  'kind',
  targetKinds.map(({ schema }) => schema) as unknown as [z.core.$ZodTypeDiscriminable],
) as unknown as z.ZodType<Target>;

/** The kind of a target. */
export function kindOf(target: Pick<Target, 'kind'>): TargetKind {
  const kind = byKind.get(target.kind);
  if (kind === undefined) throw new Error(`kindOf: there is no kind of target "${target.kind}"`);
  return kind;
}

/** One witness for targets of every kind. */
export function createWitness(dependencies: WitnessDependencies): TargetWitness<Target> {
  const witnesses = new Map<string, TargetWitness<TargetBase>>();
  return {
    proveGone(ended: EndedCredential<Target>): Promise<Proof[]> {
      const { kind } = ended.target;
      const witness = witnesses.get(kind) ?? kindOf(ended.target).createWitness(dependencies);
      witnesses.set(kind, witness);
      return witness.proveGone(ended);
    },
    async close() {
      await Promise.all([...witnesses.values()].map((witness) => witness.close()));
    },
  };
}

/**
 * The witness as leases ask it.
 * @throws ServiceFault `target` for a target that the bundle lists no more: it cannot be asked.
 */
export function witnessOf(witness: TargetWitness<Target>, findTarget: (name: string) => Target | undefined): Witness {
  return ({ actionId, purpose, leasedAtMs, ttlSeconds }, { target: name, username, vaultRole }) => {
    const target = findTarget(name);
    if (target === undefined) {
      throw new ServiceFault(
        'target',
        `Target ${name} is not in the bundle: whether the user of ${actionId} is gone cannot be asked.`,
        true,
      );
    }
    return witness.proveGone({ target, actionId, purpose, username, vaultRole, leasedAtMs, ttlSeconds });
  };
}
