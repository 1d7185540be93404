import { Refusal } from '../../src/core/errors.js';
import { UsageError } from './exit-codes.js';

/** A bundle's folder that cannot be read, or a malformed table, is a mistake in the command line that names it. */
export async function bundleUsage<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Refusal && error.code === 'bundle_invalid') throw new UsageError(error.message);
    throw error;
  }
}
