import type { Preview } from '../../core/schemas/action.js';

/**
 * Version of the rules by which a change of policy is judged again, for ever: how a bundle is loaded, what of it is compared,
 * which risks come of that and which plan is no stricter than another. Changes that were saved under a version are judged
 * as they were then (test/replay/changes): what would judge one of them otherwise is a new version. See ADR 0028.
 */
export const RULES_VERSION = 1;

/** The version that a change was shown and planned by, as the worker signed it. Changes before there were versions: 1. */
export function rulesVersionOf({ estimate }: Pick<Preview, 'estimate'>): unknown {
  return estimate['rules'] ?? 1;
}
