/** A workflow's id from its action's. */
export function workflowIdOf(actionId: string): string {
  return `action/${actionId}`;
}

/** The action's id in a workflow's; null when it is no action's workflow. */
export function actionIdIn(workflowId: string): string | null {
  return /^action\/([0-7][0-9A-HJKMNP-TV-Z]{25})$/.exec(workflowId)?.[1] ?? null;
}

/** Id of the workflow that waits until the action's broken glass was reviewed. */
export function retrospectiveIdOf(actionId: string): string {
  return `retrospective/${actionId}`;
}

/** The action whose matter a workflow is, its own or the review of its broken glass; null when it is nobody's. */
export function actionConcernedBy(workflowId: string): string | null {
  return actionIdIn(workflowId.replace(/^retrospective\//, 'action/'));
}
