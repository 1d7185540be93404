import { ServiceFault } from '../../core/errors.js';
import { actionIdSchema } from '../../core/schemas/primitives.js';
import { parseAnswer } from '../../vault/answers.js';
import { awsAnswerSchema, awsNameOf, vaultRoleOf, type AwsLogin } from '../../vault/credentials/aws.js';
import type { Proof } from '../../vault/leases.js';
import { VaultFault } from '../../vault/vault-fault.js';
import type { AwsTarget } from '../aws.js';
import type { EndedCredential, TargetWitness, WitnessDependencies } from '../target-kind.js';
import { openIam } from './iam.js';

const ASKING_MS = 30_000;

/**
 * Proves the end of what Vault issued in an AWS account. A user must be unknown to IAM. A session cannot be ended at AWS
 * before its time: its policy allows nothing from the token's end on, so the proof is refused until that has passed.
 */
export function createAwsWitness(dependencies: WitnessDependencies): TargetWitness<AwsTarget> {
  const logIn = createWitnessLogins(dependencies);
  return {
    async proveGone(ended) {
      const roleGone = await proveRoleGone(dependencies, ended);
      const { credentials } = ended.target;
      return credentials.type === 'assumed_role'
        ? [roleGone, proveSessionOver(dependencies, ended)]
        : [roleGone, await proveUsersGone(await logIn(ended.target, credentials.witnessRole), ended)];
    },
    close: () => logIn.close(),
  };
}

/** The Vault role that was made for the action; a crash may have left it, and its token is gone by now. */
async function proveRoleGone(
  { vault }: WitnessDependencies,
  { target, actionId, purpose }: EndedCredential<AwsTarget>,
): Promise<Proof> {
  const path = `${target.vault.mount}/roles/${vaultRoleOf({ rolePrefix: target.vault.rolePrefix, purpose, actionId })}`;
  const isKnown = await vault.read(path).then(
    () => true,
    (error: unknown) => {
      if (error instanceof VaultFault && error.status === 404) return false;
      throw error;
    },
  );
  if (isKnown) await vault.delete(path);
  return { asked: `vault read ${path}`.slice(0, 300), answer: isKnown ? 'left by a crash; removed' : '404' };
}

function proveSessionOver(
  { clock }: WitnessDependencies,
  { target, actionId, purpose, username, leasedAtMs, ttlSeconds }: EndedCredential<AwsTarget>,
): Proof {
  const overAtMs = leasedAtMs + ttlSeconds * 1_000;
  const at = new Date(overAtMs).toISOString();
  const session = username ?? awsNameOf({ as: { type: 'assumed_role' }, actionId, purpose });
  if (clock() < overAtMs) {
    throw new ServiceFault(
      'target',
      `AWS cannot end the session ${session} in ${target.name} early: its policy allows nothing from ${at} on.`,
      true,
      { retryAfterMs: overAtMs - clock() },
    );
  }
  return {
    asked: `${target.name}: time limit in the policy of session ${session}, ${at}`.slice(0, 300),
    answer: 'passed: its policy allows nothing any more. AWS has no call that ends a session earlier.',
  };
}

async function proveUsersGone(
  login: AwsLogin,
  { target, actionId: sentId, purpose, username }: EndedCredential<AwsTarget>,
): Promise<Proof> {
  const path = username ?? awsNameOf({ as: { type: 'iam_user' }, actionId: actionIdSchema.parse(sentId), purpose });
  const iam = await openIam(target, login, AbortSignal.timeout(ASKING_MS));
  try {
    // A page may be empty though more follow.
    for (let marker: string | undefined, isMore = true; isMore;) {
      const from = marker === undefined ? {} : { Marker: marker };
      const page = await iam.ask((client, options) => client.listUsers({ PathPrefix: path, ...from }, options));
      const names = (page.Users ?? []).map(({ UserName: name }) => name).join(', ');
      if (names !== '') throw new ServiceFault('target', `${target.name} still knows ${names}.`, true);
      isMore = page.IsTruncated === true;
      marker = page.Marker;
    }
    return { asked: `${target.name}: iam ListUsers, path ${path}`, answer: '0 users' };
  } finally {
    iam.close();
  }
}

interface WitnessLogins {
  (target: AwsTarget, role: string): Promise<AwsLogin>;
  close(): Promise<void>;
}

// A witness is asked at the end of every action: a login serves for half of its time.
const REUSED_FRACTION = 0.5;

function createWitnessLogins({ vault, clock }: WitnessDependencies): WitnessLogins {
  const cache = new Map<string, { login: AwsLogin; leaseId: string; untilMs: number }>();
  const revoke = (leaseId: string): Promise<unknown> =>
    vault.write('sys/leases/revoke', { lease_id: leaseId, sync: true }).catch(() => undefined);
  const logIn = async (target: AwsTarget, role: string): Promise<AwsLogin> => {
    const path = `${target.vault.mount}/creds/${role}`;
    const cached = cache.get(path);
    if (cached !== undefined && clock() < cached.untilMs) return cached.login;
    const askedAtMs = clock();
    const answer = parseAnswer(awsAnswerSchema, await vault.read(path), path);
    const { access_key: accessKeyId, secret_key: secretAccessKey, session_token: sessionToken } = answer.data;
    const login = { accessKeyId, secretAccessKey, sessionToken };
    const untilMs = askedAtMs + answer.lease_duration * 1_000 * REUSED_FRACTION;
    cache.set(path, { login, leaseId: answer.lease_id, untilMs });
    if (cached !== undefined) await revoke(cached.leaseId);
    return login;
  };
  return Object.assign(logIn, {
    async close() {
      await Promise.all([...cache.values()].map(({ leaseId }) => revoke(leaseId)));
      cache.clear();
    },
  });
}
