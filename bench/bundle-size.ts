import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** Bytes of the workflow bundle that the build made, without its inline source map. */
export async function measureBundle(): Promise<number> {
  // From dist/bench/.
  const code = await readFile(fileURLToPath(new URL('../workflow-bundle.js', import.meta.url)), 'utf8');
  return Buffer.byteLength(code.replace(/\n\/\/# sourceMappingURL=data:[^\n]*/g, ''));
}
