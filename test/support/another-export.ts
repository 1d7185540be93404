let asked = 0;

/**
 * A parameter of an export that differs each time and changes nothing: a second request for the same joins the first
 * while that is open.
 */
export function anotherExport(): { maxRows: number } {
  asked += 1;
  return { maxRows: 1_000_000 - asked };
}
