import { Refusal, type RefusalCode } from '../../core/errors.js';
import type { Flag } from '../../core/schemas/action.js';
import type { Target } from '../../targets/targets.js';
import { bundleFilesOf } from '../bundle-files.js';
import { cedarAnswers } from '../cedar.js';
import { compareBundles } from '../compare/compare-bundles.js';
import type { BundleComparison, RecordedRequest, ReplayResult } from '../compare/comparison.js';
import { filesDiff } from '../compare/files-diff.js';
import { replayRequests } from '../compare/replay-requests.js';
import { loadFiles, unpackBundle } from './bundle-document.js';
import { changeFlags } from './change-flags.js';

/** A proposed bundle, and what it is held against. Plain data: it crosses into another thread. */
export interface ProposedChange {
  /** Texts of the bundle in force, by file name. */
  before: Readonly<Record<string, string>>;
  /** The proposed one, as `packBundle` writes it. */
  document: string;
  /** Requests to decide anew under both; null where nobody looks at that. */
  requests: readonly RecordedRequest[] | null;
}

/** What a proposed bundle is, and what it means. Plain data too. */
export interface Assessment {
  bundle: { digest: string; number: number };
  /** Digest of the bundle that it says it follows; null for a first one. */
  previous: string | null;
  targets: readonly Target[];
  comparison: BundleComparison;
  /** The risks that are found by comparing. */
  flags: Flag[];
  /** Every line that differs; null for more than anybody reads. */
  diff: string[] | null;
  /** Null where no requests were given. */
  replay: ReplayResult | null;
}

/** Loads a proposed bundle, and says what it means. @throws Refusal `bundle_invalid`, `content_too_large` */
export type Assess = (change: ProposedChange) => Promise<Assessment>;

/** How a thread answers: a refusal does not cross as what it is. */
export type Assessed =
  | { kind: 'assessed'; assessment: Assessment }
  | { kind: 'refused'; code: RefusalCode; message: string; field: string | null };

/**
 * The assessment itself, in the thread that calls it: pure, and it may take seconds, or break Cedar down. Whatever comes from
 * somebody whom nobody has approved is assessed by `createAssessing`.
 */
export function assess({ before: texts, document, requests }: ProposedChange): Assessed {
  try {
    const before = loadFiles(bundleFilesOf(texts), 'in force');
    const after = loadFiles(unpackBundle(document), 'that is proposed');
    const diff = filesDiff(before, after);
    const comparison = compareBundles(before, after);
    const assessment: Assessment = {
      bundle: after.policy.bundle,
      previous: after.previous,
      targets: after.policy.targets(),
      comparison,
      flags: changeFlags(comparison, before, after),
      diff,
      replay: requests === null ? null : replayRequests(before, after, requests),
    };
    // Whoever asks policy takes a breakdown for a no: of a proposed bundle it would pass for strictness.
    if (!cedarAnswers()) throw new Error('Cedar broke down');
    return { kind: 'assessed', assessment };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { kind: 'refused', code: error.code, message: error.message, field: error.field };
  }
}
