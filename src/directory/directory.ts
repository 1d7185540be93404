import { z } from 'zod';
import type { PublicKey } from '../core/dsse.js';
import { nameSchema } from '../core/schemas/primitives.js';
import type { OnCallSettings } from './oncall/catalog.gen.js';
import type { Place } from './places.js';
import { quietHoursSchema } from './quiet-hours.js';

/** A person. Aliases are other entries of the same human; all of them count as one. */
export const personSchema = z.strictObject({
  id: nameSchema,
  name: z.string().min(1).max(120),
  email: z.email(),
  /** Subject at the OIDC provider; exact match. */
  oidcSubject: z.string().min(1).max(255),
  /** Atlassian account id: only to know who is on call in Jira Service Management. */
  atlassianAccountId: z
    .string()
    .regex(/^[A-Za-z0-9:-]{1,128}$/, 'must be an Atlassian account id')
    .optional(),
  slack: z.strictObject({ teamId: z.string().max(32), userId: z.string().max(32) }).optional(),
  /** Tenant and object id in Entra ID; both GUIDs, in any case. */
  teams: z.strictObject({ tenantId: z.guid().toLowerCase(), aadObjectId: z.guid().toLowerCase() }).optional(),
  aliases: z.array(nameSchema).max(20).default([]),
  /** When they are not reminded, unless it presses. Default: never quiet. */
  quietHours: quietHoursSchema.optional(),
});

/** Which token of which issuer names an agent: a workload's OIDC or SPIFFE JWT. */
const tokenIdentitySchema = z.strictObject({
  /** Name of the issuer in the gateway's configuration. */
  issuer: nameSchema,
  /** `sub`; exact match. */
  subject: z.string().min(1).max(500),
  /** `aud`, where it is another than the issuer's. */
  audience: z.string().min(1).max(500).optional(),
});

/** An agent has either a key of its own or a token identity, never both. */
export const agentSchema = z.strictObject({
  id: nameSchema,
  name: z.string().min(1).max(120),
  owner: nameSchema,
  /** Everyone who can make this agent act. */
  prompters: z.array(nameSchema).max(200),
  groups: z.array(nameSchema).max(50),
  /** base64 of the raw Ed25519 public key; the key id is `agent/<id>`. */
  publicKey: z.base64().optional(),
  /** Its requests are signed by the gateway, once it has verified such a token. */
  jwt: tokenIdentitySchema.optional(),
});

export type Person = z.infer<typeof personSchema>;
export type Agent = z.infer<typeof agentSchema>;

/** On whose behalf an action was asked for: canonical people, each proven by their own token. */
export interface Provenance {
  prompters: readonly string[];
  schedulers: readonly string[];
}

/** A person who may not decide on an agent's actions. */
export interface Barred {
  /** Canonical person. */
  person: string;
  because: string;
}

/** Agents, people and groups of one policy bundle. */
export interface Directory {
  agent(id: string): Agent | undefined;
  /** Undefined for an unknown agent, and for one that comes with a token. */
  agentKey(id: string): PublicKey | undefined;
  /** Whether the gateway signs for the agent: one without a key of its own. False for an unknown agent. */
  signsByIntake(id: string): boolean;
  /** The one agent that this subject of a configured issuer is. */
  agentByToken(issuer: string, subject: string): Agent | undefined;
  /** Whether the person, or an alias, is listed as a prompter of the agent. */
  mayPrompt(agentId: string, personId: string): boolean;
  agents(): Agent[];
  people(): Person[];
  /** Names of the groups of people. */
  groups(): string[];
  person(id: string): Person | undefined;
  personByOidcSubject(subject: string): Person | undefined;
  personBySlack(teamId: string, userId: string): Person | undefined;
  /** Both ids in lower case. */
  personByTeams(tenantId: string, aadObjectId: string): Person | undefined;
  /** One id for a human and all their aliases: the smallest by code unit order. An unknown person is their own. */
  canonical(personId: string): string;
  /** Groups of the human: those of every alias, sorted. */
  groupsOf(personId: string): string[];
  /** Canonical people in a group, sorted. Empty for an unknown group. */
  membersOf(group: string): string[];
  hasGroup(group: string): boolean;
  /**
   * The directory as it is at a time: whoever is away has given their places to another.
   * @param barred canonical people who may not decide on the action in question: what they gave counts for nothing.
   */
  at(atMs: number, barred: Iterable<string>): Directory;
  /** Canonical people whose places the person holds at a time, because they are away. */
  standsInFor(personId: string, atMs: number): string[];
  /** Whether the human wants no reminder at a time, by any of their entries. */
  inQuietHours(personId: string, atMs: number): boolean;
  /** Where it stands who of the group is on call, in the order in which to ask. Empty: nowhere. */
  onCallSources(group: string): readonly OnCallSettings[];
  /** The group whose people may unfreeze agents; null: nobody may. */
  unfreezeGroup(): string | null;
  /**
   * Whether what the person said counts for lifting a freeze: of the group that unfreezes, and of an agent's freeze neither its
   * owner nor a prompter of it. In a process that follows changes of policy, also as an earlier directory had it.
   * @param agentId null: the freeze is of an operation or of everything, of which nobody is barred.
   */
  mayUnfreeze(personId: string, agentId: string | null): boolean;
  /** Names of the places that policy may have people told in, beside those that every bundle has. */
  places(): string[];
  place(name: string): Place | undefined;
  /**
   * Promise 2: the agent's owner, its prompters, and every alias of them, sorted by person. With a verified prompter only
   * those count who prompted and scheduled this action, as long as the directory still lists each prompter.
   * @param provenance as `provenanceOf` reads it from the record; null when nobody's token came with the request.
   * @throws Refusal `agent_unknown`.
   */
  barredFor(agentId: string, provenance?: Provenance | null): Barred[];
}
