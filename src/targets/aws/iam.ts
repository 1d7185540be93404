import type { IAM } from '@aws-sdk/client-iam';
import { ServiceFault } from '../../core/errors.js';
import type { AwsLogin } from '../../vault/credentials/aws.js';
import type { AwsTarget } from '../aws.js';
import { isLoopback } from '../postgres/connection.js';

/** IAM has one endpoint per partition: https://docs.aws.amazon.com/general/latest/gr/iam-service.html */
const ENDPOINTS: Record<AwsTarget['partition'], { url: string; signingRegion: string }> = {
  aws: { url: 'https://iam.amazonaws.com', signingRegion: 'us-east-1' },
  'aws-cn': { url: 'https://iam.cn-north-1.amazonaws.com.cn', signingRegion: 'cn-north-1' },
  'aws-us-gov': { url: 'https://iam.us-gov.amazonaws.com', signingRegion: 'us-gov-west-1' },
};

// A new user's key is known to all of IAM's servers only after some seconds.
const NEW_KEY_MS = 30_000;
const NEW_KEY_RETRY_MS = 1_000;

/** IAM of one account, under one login. */
export interface IamSession {
  /**
   * Asks IAM; `ask` gets the SDK's client and must pass on `abortSignal`.
   * @throws ServiceFault `target` in our own words; what the SDK throws is its cause, with the error's name kept in it.
   */
  ask<T>(ask: (iam: IAM, options: { abortSignal: AbortSignal }) => Promise<T>): Promise<T>;
  close(): void;
}

/**
 * Every setting is given, because the SDK reads those that are not from the environment, from shared files and from the
 * machine's metadata service. The SDK is loaded here, when it is first needed: it takes long to load.
 */
export async function openIam(target: AwsTarget, login: AwsLogin, signal: AbortSignal): Promise<IamSession> {
  if (target.endpoint !== undefined && !isLoopback(new URL(target.endpoint).hostname)) {
    throw new ServiceFault('target', `Target ${target.name}: another endpoint than AWS's is only for loopback.`, false);
  }
  const { IAM } = await import('@aws-sdk/client-iam');
  const { url, signingRegion } = ENDPOINTS[target.partition];
  const iam = new IAM({
    endpoint: target.endpoint ?? url,
    region: signingRegion,
    credentials: {
      accessKeyId: login.accessKeyId,
      secretAccessKey: login.secretAccessKey.reveal(),
      ...(login.sessionToken === null ? {} : { sessionToken: login.sessionToken.reveal() }),
    },
    // We alone decide what is asked again: a change is never sent twice.
    maxAttempts: 1,
    retryMode: 'standard',
    defaultsMode: 'standard',
    useDualstackEndpoint: false,
    useFipsEndpoint: false,
    userAgentAppId: 'countersign',
    authSchemePreference: [],
    requestHandler: { connectionTimeout: 5_000, requestTimeout: 15_000, throwOnRequestTimeout: true },
  });
  const newKeyUntilMs = login.sessionToken === null ? Date.now() + NEW_KEY_MS : 0;
  return {
    async ask(ask) {
      for (;;) {
        try {
          return await ask(iam, { abortSignal: signal });
        } catch (error) {
          if (nameOf(error) !== 'InvalidClientTokenId' || Date.now() > newKeyUntilMs) throw faultOf(target, error);
          signal.throwIfAborted();
          await new Promise((resolve) => setTimeout(resolve, NEW_KEY_RETRY_MS));
        }
      }
    },
    close: () => {
      iam.destroy();
    },
  };
}

/** Whether IAM answered so, e.g. `NoSuchEntityException`. */
export function isIamError(error: unknown, name: string): boolean {
  return error instanceof ServiceFault && nameOf(error.cause) === name;
}

/** Whether AWS itself said no: without an answer, or with a failure of its own, what was asked for may have happened. */
export function isAnswered(error: unknown): boolean {
  const status = error instanceof ServiceFault ? statusOf(error.cause) : undefined;
  return status !== undefined && status < 500;
}

function faultOf(target: AwsTarget, error: unknown): ServiceFault {
  if (error instanceof ServiceFault) return error;
  const status = statusOf(error);
  const name = nameOf(error);
  // The SDK's own messages quote requests: only the error's name goes on.
  const said = status === undefined ? 'gave no answer' : `answered ${name} (${status})`;
  const isTemporary =
    status === undefined || status >= 500 || /Throttl|TooManyRequests|ConcurrentModification/.test(name);
  return new ServiceFault('target', `AWS account ${target.name} ${said}.`, isTemporary, { cause: error });
}

function nameOf(error: unknown): string {
  const name = error instanceof Error ? error.name : '';
  return /^[A-Za-z.]{1,60}$/.test(name) ? name : 'an error';
}

function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return undefined;
  return (error.$metadata as { httpStatusCode?: number } | undefined)?.httpStatusCode;
}
