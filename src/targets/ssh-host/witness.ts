import { ServiceFault } from '../../core/errors.js';
import { actionIdSchema } from '../../core/schemas/primitives.js';
import { factsKeyId, requestCertificate, type CertificateTerms } from '../../vault/credentials/ssh-certificate.js';
import type { Proof } from '../../vault/leases.js';
import type { SshHostTarget } from '../ssh-host.js';
import type { EndedCredential, TargetWitness, WitnessDependencies } from '../target-kind.js';
import { END_COMMAND, FACTS_ONLY } from './host-scripts.js';
import { readLines } from './lines.js';
import { withSshSession } from './session.js';

/** How long a certificate of a forced command that only looks may be used. */
export const LOOK_SECONDS = 30;

/** How long it takes at most from the lease's row to the certificate. */
const LEASING_SECONDS = 60;

const WITNESS_TIMEOUT_MS = 40_000;

/** The terms of a certificate whose command Vault's role forces. */
export function fixedTerms(target: SshHostTarget, keyId: string, forceCommand: string): CertificateTerms {
  const { user, sourceAddresses } = target;
  return { keyId, user, forceCommand, sourceAddresses, validSeconds: LOOK_SECONDS, fixedByRole: true };
}

/**
 * Ends what is left of an action on its host, and proves that nothing is. Certificates cannot be revoked at Vault: so here
 * the witness, not Vault, makes the certificate unusable and ends what still runs.
 */
export function createSshHostWitness({ vault, host }: WitnessDependencies): TargetWitness<SshHostTarget> {
  return {
    async proveGone(ended) {
      const { target, actionId: sentId, username } = ended;
      const actionId = actionIdSchema.parse(sentId);
      const terms = fixedTerms(target, `countersign-end-${actionId}`, END_COMMAND);
      const login = await requestCertificate(vault, `${target.vault.mount}/sign/${target.vault.witnessRole}`, terms);
      const certificate = isFacts(ended) ? FACTS_ONLY : username;
      const words = ['end', actionId, ...(certificate === null ? [] : [certificate])];
      return withSshSession({ target, login, host, words }, async ({ input, output, errors, ended: over, explain }) => {
        input.end();
        errors.resume();
        const timer = setTimeout(() => output.destroy(), WITNESS_TIMEOUT_MS);
        const line = await readLines(output)
          .line()
          .catch(() => null);
        clearTimeout(timer);
        if (line === null) {
          await Promise.race([over, new Promise((resolve) => setTimeout(resolve, 1_000))]);
          throw await asTemporary(explain());
        }
        return prove(ended, line);
      });
    },
    close: () => Promise.resolve(),
  };
}

/**
 * Whether it is the certificate of a preview, whose command knows of no markers: it only reads. A preview has no other, also
 * where a crash left it unnamed; the approved command may be running meanwhile.
 */
function isFacts({ actionId, purpose, username }: EndedCredential<SshHostTarget>): boolean {
  return username === null ? purpose === 'preview' : username === factsKeyId(actionId);
}

function prove(ended: EndedCredential<SshHostTarget>, line: string): Proof[] {
  const { target, actionId, username, leasedAtMs } = ended;
  const left = /^left (\d{1,9})$/.exec(line)?.[1];
  if (left === undefined)
    throw new ServiceFault('target', `${target.name} answered the witness in a form that is not known.`, true);
  if (left !== '0')
    throw new ServiceFault('target', `${target.name} still has ${left} processes of ${actionId}.`, true);
  const whose = isFacts(ended) ? `the preview of ${actionId}` : actionId;
  const asked = `${target.name}: processes of ${target.user} that bear ${whose}, and all in their sessions`;
  const proofs = [{ asked: asked.slice(0, 300), answer: '0 processes' }];
  if (username === null) return proofs;
  const until = new Date(leasedAtMs + (LOOK_SECONDS + LEASING_SECONDS) * 1_000).toISOString();
  const answer = isFacts(ended) ? `reads facts only, until ${until} at the latest` : 'marked as used';
  return [...proofs, { asked: `${target.name}: certificate ${username}`.slice(0, 300), answer }];
}

/** The end of a credential is asked for until it is proven, whatever stands in the way today. */
async function asTemporary(fault: Promise<ServiceFault>): Promise<ServiceFault> {
  const { service, message } = await fault;
  return new ServiceFault(service, message, true);
}
