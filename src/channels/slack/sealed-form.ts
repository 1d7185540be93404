import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { Refusal } from '../../core/errors.js';
import { canonicalJson, type Json } from '../../core/json.js';
import type { Secret } from '../../core/secret.js';
import type { SlackUser } from './interaction.js';

/** How long a person may think over an open form. */
const FORM_LIFETIME_MS = 60 * 60 * 1000;

/** What is sealed into every form: who opened it, and until when it counts. */
const ownerSchema = z.looseObject({ teamId: z.string(), userId: z.string(), expiresAtMs: z.int() });
const sealedSchema = z.strictObject({ context: ownerSchema, mac: z.string().regex(/^[0-9a-f]{64}$/) });

/** Forms of one kind: what we put into a modal comes back as we put it, from whoever opened it, within an hour. */
export interface FormSeal<Context extends Record<string, Json>> {
  /** For the modal's `private_metadata`. */
  seal(context: Context, user: SlackUser, nowMs: number): string;
  /** @throws Refusal `forbidden` when it was altered, is of another person, or is older than an hour. */
  open(privateMetadata: string, user: SlackUser, nowMs: number): Context;
}

/**
 * @param purpose told apart by the seal: a form of one kind never passes for one of another.
 * @param again what the person should press when the form is too old.
 */
export function createFormSeal<Context extends Record<string, Json>>(
  schema: z.ZodType<Context>,
  { purpose, again, signingSecret }: { purpose: string; again: string; signingSecret: Secret },
): FormSeal<Context> {
  // A key of its own, so that nothing Slack signs can pass for this and the other way round.
  const macOf = (context: Json): Buffer => {
    const key = createHmac('sha256', signingSecret.reveal()).update(`countersign ${purpose} v1`).digest();
    return createHmac('sha256', key).update(canonicalJson(context)).digest();
  };
  return {
    seal(context, { teamId, userId }, nowMs) {
      const owned = { ...context, teamId, userId, expiresAtMs: nowMs + FORM_LIFETIME_MS };
      return JSON.stringify({ context: owned, mac: macOf(owned).toString('hex') });
    },
    open(privateMetadata, user, nowMs) {
      const sealed = sealedSchema.safeParse(parseJson(privateMetadata));
      if (!sealed.success) throw refuse('This form was not opened by Countersign.');
      const { context, mac } = sealed.data;
      if (!timingSafeEqual(macOf(context as Json), Buffer.from(mac, 'hex')))
        throw refuse('This form was not opened by Countersign.');
      const { teamId, userId, expiresAtMs, ...rest } = context;
      if (teamId !== user.teamId || userId !== user.userId) throw refuse('This form was opened by somebody else.');
      if (nowMs >= expiresAtMs)
        throw refuse(`This form has been open for more than an hour. Close it and press ${again} again.`);
      const parsed = schema.safeParse(rest);
      if (!parsed.success) throw refuse('This form was not opened by Countersign.');
      return parsed.data;
    },
  };
}

function refuse(message: string): Refusal {
  return new Refusal('forbidden', message, 'private_metadata');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
