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
      const proofs = await proveRolesGone(dependencies, ended);
      const { credentials } = ended.target;
      return credentials.type === 'assumed_role'
        ? [...proofs, proveSessionOver(dependencies, ended)]
        : [...proofs, await proveUsersGone(await logIn(ended.target, credentials.witnessRole), ended)];
    },
    close: () => logIn.close(),
  };
}

/** The Vault role that was made for the action; a crash may have left it, and its token is gone by now. */
async function proveRolesGone(
  { vault }: WitnessDependencies,
  { target, actionId, username }: EndedCredential<AwsTarget>,
): Promise<Proof[]> {
  const proofs: Proof[] = [];
  for (const purpose of purposesOf(target, actionId, username)) {
    const path = `${target.vault.mount}/roles/${vaultRoleOf({ rolePrefix: target.vault.rolePrefix, purpose, actionId })}`;
    const isKnown = await vault.read(path).then(
      () => true,
      (error: unknown) => {
        if (error instanceof VaultFault && error.status === 404) return false;
        throw error;
      },
    );
    if (isKnown) await vault.delete(path);
    proofs.push({ asked: `vault read ${path}`.slice(0, 300), answer: isKnown ? 'left by a crash; removed' : '404' });
  }
  return proofs;
}

// Another purpose's role may be in use this very moment.
function purposesOf(
  { credentials: { type } }: AwsTarget,
  actionId: string,
  username: string | null,
): ('preview' | 'execute')[] {
  return (['preview', 'execute'] as const).filter(
    (purpose) => username === null || username === awsNameOf({ as: { type }, actionId, purpose }),
  );
}

function proveSessionOver(
  { clock }: WitnessDependencies,
  { target, actionId, username, leasedAtMs, ttlSeconds }: EndedCredential<AwsTarget>,
): Proof {
  const overAtMs = leasedAtMs + ttlSeconds * 1_000;
  const at = new Date(overAtMs).toISOString();
  const session = username ?? `countersign-${actionId.toLowerCase()}-*`;
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
  { target, actionId: sentId, username }: EndedCredential<AwsTarget>,
): Promise<Proof> {
  const actionId = actionIdSchema.parse(sentId).toLowerCase();
  const path = username ?? `/countersign/${actionId}/`;
  const iam = await openIam(target, login, AbortSignal.timeout(ASKING_MS));
  try {
    const { Users: users = [] } = await iam.ask((client, options) => client.listUsers({ PathPrefix: path }, options));
    if (users.length > 0) {
      const names = users.map(({ UserName: name }) => name).join(', ');
      throw new ServiceFault('target', `${target.name} still knows ${names}.`, true);
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
