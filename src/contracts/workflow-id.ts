/** A workflow's id from its action's. */
export function workflowIdOf(actionId: string): string {
  return `action/${actionId}`;
}

/** The action's id in a workflow's; null when it is no action's workflow. */
export function actionIdIn(workflowId: string): string | null {
  return /^action\/([0-7][0-9A-HJKMNP-TV-Z]{25})$/.exec(workflowId)?.[1] ?? null;
}
