import { z } from 'zod';
import type { PublicKey } from '../core/dsse.js';
import { nameSchema } from '../core/schemas/primitives.js';

/** A person. Aliases are other entries of the same human; all of them count as one. */
export const personSchema = z.strictObject({
  id: nameSchema,
  name: z.string().min(1).max(120),
  email: z.email(),
  /** Subject at the OIDC provider; exact match. */
  oidcSubject: z.string().min(1).max(255),
  slack: z.strictObject({ teamId: z.string().max(32), userId: z.string().max(32) }).optional(),
  aliases: z.array(nameSchema).max(20).default([]),
});

export const agentSchema = z.strictObject({
  id: nameSchema,
  name: z.string().min(1).max(120),
  owner: nameSchema,
  /** Everyone who can make this agent act. */
  prompters: z.array(nameSchema).max(200),
  groups: z.array(nameSchema).max(50),
  /** base64 of the raw Ed25519 public key; the key id is `agent/<id>`. */
  publicKey: z.base64(),
});

export type Person = z.infer<typeof personSchema>;
export type Agent = z.infer<typeof agentSchema>;

/** A person who may not decide on an agent's actions. */
export interface Barred {
  /** Canonical person. */
  person: string;
  because: string;
}

/** Agents, people and groups of one policy bundle. */
export interface Directory {
  agent(id: string): Agent | undefined;
  agentKey(id: string): PublicKey | undefined;
  agents(): Agent[];
  people(): Person[];
  /** Names of the groups of people. */
  groups(): string[];
  person(id: string): Person | undefined;
  personByOidcSubject(subject: string): Person | undefined;
  personBySlack(teamId: string, userId: string): Person | undefined;
  /** One id for a human and all their aliases: the smallest by code unit order. An unknown person is their own. */
  canonical(personId: string): string;
  /** Groups of the human: those of every alias, sorted. */
  groupsOf(personId: string): string[];
  /** Canonical people in a group, sorted. Empty for an unknown group. */
  membersOf(group: string): string[];
  hasGroup(group: string): boolean;
  /**
   * Promise 2: the agent's owner, its prompters, and every alias of them, sorted by person.
   * @throws Refusal `agent_unknown`.
   */
  barredFor(agentId: string): Barred[];
}
