import type { StatementBody } from '../core/schemas/statements.js';
import { CONTENT_LIMIT_BYTES, type Contents } from '../record/contents.js';
import { latest, type AnyRecorded, type Record as ActionRecord } from '../record/record.js';
import type { ArchivedContents } from './archived-contents.js';
import { sha256Of } from './bundle-parts.js';
import type { PolicyFiles } from './format.js';
import { policiesNamedBy } from './named.js';
import { encodePolicyFiles } from './policy-files.js';

/** The history of one run that has ended, its payloads decrypted. */
export interface FetchedHistory {
  runId: string;
  /** JSON, as Temporal's own tools write it. */
  json: string;
  events: number;
}

export interface ArchiveOptions {
  record: Pick<ActionRecord, 'append' | 'ofAction'>;
  contents: Pick<Contents, 'put'>;
  archived: Pick<ArchivedContents, 'keep' | 'filesOfPolicy'>;
  /** Of the policy in force. */
  policyFiles: () => Promise<PolicyFiles>;
  clock: () => number;
}

// As many as a statement holds.
const MAX_HISTORIES = 20;
const MAX_POLICIES = 50;

/** Keeps in the content store, for good, what is needed to check an ended action again. */
export interface Archivist {
  /**
   * Keeps the files of the policy in force: an action that is judged by them may end when another one is.
   * @returns its digest.
   */
  keepPolicyInForce(): Promise<string>;
  /** Keeps the histories, and states their digests and those of the policies that the action was judged by. Idempotent. */
  archive(actionId: string, kept: { histories: readonly FetchedHistory[]; policyInForce: string }): Promise<void>;
}

export function createArchivist({ record, contents, archived, policyFiles, clock }: ArchiveOptions): Archivist {
  let keptPolicy = '';
  const put = async (bytes: Uint8Array, policyDigest: string | null): Promise<string> => {
    const sha256 = await contents.put(bytes);
    await archived.keep(sha256, policyDigest);
    return sha256;
  };

  const keepHistory = async ({ runId, json, events }: FetchedHistory): Promise<Archive['histories'][number]> => {
    const bytes = new TextEncoder().encode(json);
    const kept = bytes.length <= CONTENT_LIMIT_BYTES;
    const sha256 = kept ? await put(bytes, null) : sha256Of(bytes);
    return { runId, sha256, bytes: bytes.length, events, kept };
  };

  /** Those that the plans name, as far as they are to be had, and the one in force: it lists the agent at least. */
  const keptPolicies = async (statements: readonly AnyRecorded[], inForce: string): Promise<Archive['policies']> => {
    const kept: Archive['policies'] = [];
    for (const digest of new Set([...policiesNamedBy(statements), inForce])) {
      const sha256 = await archived.filesOfPolicy(digest);
      if (sha256 !== null) kept.push({ digest, sha256 });
    }
    return kept.slice(0, MAX_POLICIES);
  };

  const keepPolicyInForce: Archivist['keepPolicyInForce'] = async () => {
    const files = await policyFiles();
    if (files.digest !== keptPolicy) await put(encodePolicyFiles(files), files.digest);
    keptPolicy = files.digest;
    return files.digest;
  };

  const archive: Archivist['archive'] = async (actionId, { histories, policyInForce }) => {
    const statements = await record.ofAction(actionId);
    const request = latest(statements, 'request');
    if (request === undefined || latest(statements, 'archive') !== undefined) return;
    const kept: Archive['histories'] = [];
    for (const history of histories.slice(-MAX_HISTORIES)) kept.push(await keepHistory(history));
    const body: Archive = {
      histories: kept,
      policies: await keptPolicies(statements, policyInForce),
      archivedAtMs: clock(),
    };
    const requestDigest = request.statement.subject[0].digest.sha256;
    await record.append([{ kind: 'archive', actionId, requestDigest, body, key: 'archive' }]);
  };

  return { archive, keepPolicyInForce };
}

type Archive = StatementBody<'archive'>;
