import type { ReviewPlan } from './schemas/action.js';
import type { SignInProof } from './schemas/statements.js';

/** When a sign-in is good enough for an action whose policy demands `@assurance("web")`. */
export interface AssuranceSettings {
  /** How long before the decision the person may have signed in. */
  maxAgeMs: number;
  /** One of these must be the sign-in's `acr`. Empty: any, or none. */
  acrValues: readonly string[];
}

/** Name of the channel that is the full view: only it knows how a person signed in. */
export const WEB_CHANNEL = 'web';

/** How far the identity provider's clock may run ahead of ours. */
const CLOCK_SKEW_MS = 60_000;

/** How a person decided, or would. */
export interface DecidedBy {
  channel: string;
  signIn: SignInProof | null;
  decidedAtMs: number;
}

/**
 * What is missing for a decision on an action of this assurance, in one sentence; null when nothing is.
 * The gateway asks it before it signs a decision, the executor again before anything runs.
 */
export function lackOfAssurance(
  needed: ReviewPlan['assurance'],
  { channel, signIn, decidedAtMs }: DecidedBy,
  { maxAgeMs, acrValues }: AssuranceSettings,
): string | null {
  switch (needed) {
    case 'any':
      return null;
    case 'web':
      break;
  }
  if (channel !== WEB_CHANNEL || signIn === null)
    return 'Policy lets this be decided in the full view only, after a fresh sign-in.';
  const { authTimeMs, acr } = signIn;
  if (authTimeMs === null)
    return 'Policy demands a fresh sign-in, and the identity provider did not say when this one was.';
  if (authTimeMs > decidedAtMs + CLOCK_SKEW_MS)
    return 'Policy demands a fresh sign-in, and the identity provider says that this one is yet to come.';
  if (decidedAtMs - authTimeMs > maxAgeMs)
    return `Policy demands a sign-in of the last ${String(Math.ceil(maxAgeMs / 60_000))} min: sign in again, then decide.`;
  if (acrValues.length > 0 && (acr === null || !acrValues.includes(acr)))
    return `Policy demands a stronger sign-in (acr ${acrValues.join(' or ')}), and this one was not.`;
  return null;
}
