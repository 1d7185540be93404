/** What came to be otherwise in the record, as far as one is told. */
export type Change =
  /** Statements were added about this action. */
  | { kind: 'action'; actionId: string }
  /** What an action is to do, and who decides on it, was put on record; told besides the above. */
  | { kind: 'plan'; actionId: string }
  /** Somebody's session with the full view was ended. */
  | { kind: 'session'; sessionId: string }
  /** Something was frozen, or a freeze is being lifted. */
  | { kind: 'freeze' }
  /** Anything may have changed: look. */
  | { kind: 'any' };

/** Tells of changes by whatever process, soon after they are committed. */
export interface Changes {
  /** @returns how to stop. A listener must not throw. */
  subscribe(listener: (change: Change) => void): () => void;
}
