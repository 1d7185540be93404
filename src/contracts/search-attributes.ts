import { defineSearchAttributeKey } from '@temporalio/common';

/** The eight keywords that make actions findable in the Temporal UI. Nothing secret: they are never encoded. */
export const SEARCH_ATTRIBUTES = {
  state: defineSearchAttributeKey('CountersignState', 'KEYWORD'),
  operation: defineSearchAttributeKey('CountersignOperation', 'KEYWORD'),
  agent: defineSearchAttributeKey('CountersignAgent', 'KEYWORD'),
  environment: defineSearchAttributeKey('CountersignEnvironment', 'KEYWORD'),
  waitingFor: defineSearchAttributeKey('CountersignWaitingFor', 'KEYWORD'),
  risk: defineSearchAttributeKey('CountersignRisk', 'KEYWORD'),
  leaseState: defineSearchAttributeKey('CountersignLeaseState', 'KEYWORD'),
  deadline: defineSearchAttributeKey('CountersignDeadline', 'KEYWORD'),
} as const;

/** As the `temporal` CLI and server want them: name to type. */
export const SEARCH_ATTRIBUTE_TYPES: Record<string, 'Keyword'> = Object.fromEntries(
  Object.values(SEARCH_ATTRIBUTES).map((key) => [key.name, 'Keyword' as const]),
);
