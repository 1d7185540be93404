/** Whether a run still goes on, by the name of its status as Temporal's client gives it. */
export function isOpen(status: string): boolean {
  return status === 'RUNNING' || status === 'PAUSED';
}
