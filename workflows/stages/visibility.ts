import type { SearchAttributeUpdatePair } from '@temporalio/common';
import { patched, setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import type { CountedDecision, Prepared } from '../../src/contracts/activities.js';
import { SEARCH_ATTRIBUTES } from '../../src/contracts/search-attributes.js';
import type { QuorumState } from '../../src/core/quorum.js';

/** What the Temporal UI shows of the action. */
export interface Display {
  /** Who waits for whom, why, until when. */
  review(
    prepared: Prepared,
    quorum: QuorumState,
    decisions: readonly CountedDecision[],
    escalated: readonly string[],
  ): void;
  /** A later stage; the end, too, of what was refused before it was prepared (null). */
  stage(prepared: Prepared | null, stage: { state: string; lease: string; details: string }): void;
}

export function createDisplay(): Display {
  let shown = '';
  const upsert = (prepared: Prepared, now: SearchState): void => {
    const key = JSON.stringify([prepared.round, now]);
    // Each upsert is an event in the history.
    if (key === shown) return;
    upsertSearchAttributes(searchAttributes(prepared, now, shown === ''));
    shown = key;
  };
  return {
    review(prepared, quorum, decisions, escalated) {
      const waitingFor = describeOpen(quorum);
      if (!quorum.filled) upsert(prepared, { state: 'waiting', waitingFor, lease: 'none' });
      setCurrentDetails(describeReview(prepared, quorum, decisions, escalated));
    },
    stage(prepared, { state, lease, details }) {
      const now = { state, waitingFor: 'nobody', lease };
      if (prepared !== null) upsert(prepared, now);
      // Histories of earlier releases have no such event.
      else if (patched('refused-is-shown')) upsertSearchAttributes(unpreparedAttributes(now));
      setCurrentDetails(`**${prepared?.title ?? 'Not prepared'}**\n\n${details}\n\nLease: ${lease}.`);
    },
  };
}

interface SearchState {
  state: string;
  waitingFor: string;
  lease: string;
}

function describeOpen(quorum: QuorumState): string {
  return quorum.open.map(({ group, places }) => `${group}:${places}`).join(' & ');
}

function describeReview(
  prepared: Prepared,
  quorum: QuorumState,
  decisions: readonly CountedDecision[],
  escalated: readonly string[],
): string {
  const until = new Date(prepared.expiresAtMs).toISOString();
  const lines = [
    `**${prepared.title}**`,
    `Asked by agent \`${prepared.agent}\`; risk: ${prepared.risk}; round ${prepared.round}.`,
    quorum.filled
      ? 'Every place is filled.'
      : `Waiting for ${describeOpen(quorum)}, until ${until}; then it expires, which means denied.`,
    `Policy: ${prepared.plan.policies.join(', ')}.`,
    ...(escalated.length > 0 ? [`Escalated to ${escalated.join(', ')}.`] : []),
    ...decisions.map(({ person, decision, breakGlass }) => `- ${person}: ${wordFor(decision, breakGlass)}`),
    ...(prepared.fillable === 'by_breaking_glass'
      ? ['Too few people can decide, but for those who break the glass.']
      : []),
    ...(prepared.fillable === 'after_escalation' ? ['Too few people can decide before the review escalates.'] : []),
    'Lease: none.',
  ];
  return lines.join('\n\n');
}

function wordFor(decision: CountedDecision['decision'], breakGlass?: true): string {
  if (decision === 'deny') return 'denied';
  return breakGlass === true ? 'broke the glass' : 'approved';
}

function searchAttributes(prepared: Prepared, now: SearchState, first: boolean): SearchAttributeUpdatePair[] {
  const changing = [
    ...stateAttributes(now),
    { key: SEARCH_ATTRIBUTES.risk, value: prepared.risk },
    { key: SEARCH_ATTRIBUTES.deadline, value: new Date(prepared.expiresAtMs).toISOString() },
  ];
  const fixed = [
    { key: SEARCH_ATTRIBUTES.operation, value: prepared.operation },
    { key: SEARCH_ATTRIBUTES.agent, value: prepared.agent },
    { key: SEARCH_ATTRIBUTES.environment, value: prepared.environment },
  ];
  return first ? [...changing, ...fixed] : changing;
}

/**
 * Whoever starts a workflow may say of it what they like. Operation, agent and environment of what was refused remain their words,
 * as the request itself does; nobody has judged its risk, and no review of it has a deadline.
 */
function unpreparedAttributes(now: SearchState): SearchAttributeUpdatePair[] {
  return [
    ...stateAttributes(now),
    { key: SEARCH_ATTRIBUTES.risk, value: null },
    { key: SEARCH_ATTRIBUTES.deadline, value: null },
  ];
}

function stateAttributes({ state, waitingFor, lease }: SearchState): SearchAttributeUpdatePair[] {
  return [
    { key: SEARCH_ATTRIBUTES.state, value: state },
    { key: SEARCH_ATTRIBUTES.waitingFor, value: waitingFor },
    { key: SEARCH_ATTRIBUTES.leaseState, value: lease },
  ];
}
