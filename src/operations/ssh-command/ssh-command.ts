import { Refusal } from '../../core/errors.js';
import { fixedTerms, LOOK_SECONDS } from '../../targets/ssh-host/witness.js';
import { FACTS_COMMAND, runCommand } from '../../targets/ssh-host/host-scripts.js';
import { readLines } from '../../targets/ssh-host/lines.js';
import { withSshSession } from '../../targets/ssh-host/session.js';
import type { SshHostTarget } from '../../targets/ssh-host.js';
import { factsKeyId, newKeyId, sshCertificate, type SshLogin } from '../../vault/credentials/ssh-certificate.js';
import type { Operation } from '../operation.js';
import { partsOf } from './command-line.js';
import { effectFlags } from './effect.js';
import { executeCommand } from './execute.js';
import { findCommandOutcome } from './find-outcome.js';
import { paramsSchema, timeoutOf, type SshCommandParams } from './params.js';
import { describeCommand, readFacts } from './preview.js';

const PREVIEW_TIMEOUT_MS = 30_000;

/** How long a certificate may be used to log in: the command itself may last longer. */
const LOGIN_SECONDS = 120;

/** Runs one command on a Linux host, by a certificate that can do nothing else. See docs/operations/ssh-command.md. */
export const sshCommand: Operation<SshCommandParams, SshHostTarget, SshLogin> = {
  name: 'ssh.command',
  description: 'Runs one command on a Linux host by an SSH certificate that can do nothing else.',
  paramsSchema,
  targetKind: 'ssh-host',
  targetName: ({ target }) => target,

  async check({ command: [program] }, { name, allowedPrograms }) {
    if (allowedPrograms === undefined || allowedPrograms.includes(program)) return;
    const message = `${name} allows only ${allowedPrograms.join(', ').slice(0, 500)}.`;
    throw new Refusal('params_invalid', message, 'params.command.0');
  },

  credentialFor(purpose, { actionId, params, target }) {
    const { vault, user, sourceAddresses } = target;
    if (purpose === 'preview') {
      return sshCertificate({
        tokenRole: vault.previewTokenRole,
        mount: vault.mount,
        role: vault.previewRole,
        sessionSeconds: LOOK_SECONDS,
        terms: () => fixedTerms(target, factsKeyId(actionId), FACTS_COMMAND),
      });
    }
    const timeoutSeconds = timeoutOf(params);
    return sshCertificate({
      tokenRole: vault.executeTokenRole,
      mount: vault.mount,
      role: vault.executeRole,
      sessionSeconds: timeoutSeconds,
      terms() {
        const keyId = newKeyId(actionId);
        const programs = partsOf(params.command).paths;
        const forceCommand = runCommand({ keyId, actionId, timeoutSeconds, programs, argv: params.command });
        return { keyId, user, forceCommand, sourceAddresses, validSeconds: LOGIN_SECONDS, fixedByRole: false };
      },
    });
  },

  momentaryFlags: ['unusual_hour', 'first_time'],

  async preview({ actionId, params, target, credential, host, past, nowMs, signal }) {
    const words = ['facts', actionId, ...partsOf(params.command).paths];
    const request = { target, login: credential.material, host, words };
    return withSshSession(request, async ({ input, output, errors, ended, explain }) => {
      input.end();
      errors.resume();
      const stop = AbortSignal.any([signal, AbortSignal.timeout(PREVIEW_TIMEOUT_MS)]);
      stop.addEventListener('abort', () => output.destroy(), { once: true });
      const told = await readFacts(target.name, readLines(output)).catch(() => null);
      signal.throwIfAborted();
      if (told === null || 'spent' in told) {
        await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 1_000).unref())]);
        throw await explain();
      }
      return describeCommand({ params, target, pastCommands: past.sameKind, nowMs }, told.facts);
    });
  },

  // What could make the effect larger is in the fingerprint.
  grew: () => null,
  execute: executeCommand,
  findOutcome: findCommandOutcome,
  checkEffect: effectFlags,
};
