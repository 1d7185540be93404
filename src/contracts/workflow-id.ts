/** A workflow's id from its action's. */
export function workflowIdOf(actionId: string): string {
  return `action/${actionId}`;
}
