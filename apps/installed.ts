/** What is missing of this installation, in one line with what to do; null for every other error. */
export function lackOf(error: unknown): string | null {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (!(error instanceof Error) || (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND')) return null;
  // Node's own words name what is missing; the rest of them says who asked for it.
  const [what = ''] = / '[^']+'/.exec(error.message) ?? [];
  return `Countersign is not completely installed: it does not find${what}. Run: npm run setup (if that does not help, remove node_modules and dist first)`;
}

/** Loads a program. What is missing of the installation is told in one line, and ends the process with 1. */
export async function loadInstalled(load: () => Promise<unknown>): Promise<void> {
  try {
    await load();
  } catch (error) {
    const lack = lackOf(error);
    if (lack === null) throw error;
    process.stderr.write(`error ${lack}\n`);
    process.exit(1);
  }
}
