import type { z } from 'zod';
import type { Secret } from '../../core/secret.js';

/** How an outside service is reached. */
export interface ServiceAccess {
  /** Without a slash at its end. */
  apiUrl: string;
  token: Secret;
}

/** The outside services that may be asked; null: not configured. */
export interface OnCallAccess {
  pagerduty: ServiceAccess | null;
  grafana: ServiceAccess | null;
  slack: ServiceAccess | null;
  /** Jira Service Management, of one site; its token is `e-mail:API token`. */
  jira: ServiceAccess | null;
}

/** A person as a source names them: an entry of the directory, or what it maps exactly. */
export type OnCallName =
  | { person: string }
  | { email: string }
  | { slack: { teamId: string; userId: string } }
  | { atlassianAccountId: string };

/** What is wrong with a source's entry beyond the form of single fields. */
export interface OnCallProblem {
  /** Path from the source's entry, e.g. `['layers', 0, 'people']`. */
  field: PropertyKey[];
  message: string;
}

/**
 * One way to know who is on call. A new one is one file beside this that exports `onCallSource`.
 * It only narrows a group of the directory to those who are asked first; who may decide is the directory's alone.
 * @template S its entry in `directory.yaml`
 */
export interface OnCallSource<S extends { kind: string } = { kind: string }> {
  kind: S['kind'];
  schema: z.ZodType<S>;
  /** @param members people of the group, as the directory lists them. */
  findProblems?(settings: S, members: ReadonlySet<string>): OnCallProblem[];
  /** @throws ServiceFault `on-call` when it cannot be told; the next source is asked then. */
  whoIsOnCall(settings: S, question: { atMs: number; access: OnCallAccess }): Promise<readonly OnCallName[]>;
}

/** The entry of a source. */
export type SettingsOf<K> = K extends OnCallSource<infer S> ? S : never;
