/** E.g. `2026-11-22 19:21 UTC`. */
export function utcTime(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
