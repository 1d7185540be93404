import { z } from 'zod';
import { parseOrRefuse } from '../core/invalid-field.js';
import { PROMPTER_TOKENS } from '../core/schemas/statements.js';

/** People's tokens as they came beside a request: live credentials, read once and dropped. */
export interface SentTokens {
  prompterTokens: readonly string[];
  schedulerTokens: readonly string[];
}

/** What stands in the body of a submission. */
export interface SentRequest extends SentTokens {
  /** The envelope, or the plain request of an agent without a key: anything at all. */
  request: unknown;
}

const tokensSchema = z.array(z.string().min(1).max(16_384)).max(PROMPTER_TOKENS).default([]);

/** A request with what travels beside it. */
const accompaniedSchema = z
  .strictObject({
    request: z.unknown(),
    prompterTokens: tokensSchema.describe('Tokens of the people who prompted the agent to ask.'),
    schedulerTokens: tokensSchema.describe('Tokens of the people who scheduled it.'),
  })
  .refine(({ prompterTokens, schedulerTokens }) => prompterTokens.length + schedulerTokens.length <= PROMPTER_TOKENS, {
    path: ['prompterTokens'],
    message: `at most ${String(PROMPTER_TOKENS)} tokens in all`,
  });

/**
 * Takes a submission's body apart: `request`, or the members of an envelope, and people's tokens beside it.
 * @throws Refusal `field_invalid` naming the field; never with a token in it.
 */
export function readSubmission(body: unknown): SentRequest {
  if (typeof body !== 'object' || body === null) return { request: body, ...NO_TOKENS };
  if (Object.hasOwn(body, 'request')) return parseOrRefuse(accompaniedSchema, body);
  const { prompterTokens, schedulerTokens, ...request } = body as Record<string, unknown>;
  if (prompterTokens === undefined && schedulerTokens === undefined) return { request: body, ...NO_TOKENS };
  return parseOrRefuse(accompaniedSchema, { request, prompterTokens, schedulerTokens });
}

const NO_TOKENS: SentTokens = { prompterTokens: [], schedulerTokens: [] };
