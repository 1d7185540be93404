import * as wasm from '@cedar-policy/cedar-wasm/nodejs';

export type * from '@cedar-policy/cedar-wasm/nodejs';

// Cedar is one WebAssembly instance for each thread, and once it has trapped it answers nothing any more. All of it is
// called through here, so that no trap goes unnoticed.
export const checkParseContext = watched(wasm.checkParseContext);
export const checkParseEntities = watched(wasm.checkParseEntities);
export const getValidRequestEnvsPolicy = watched(wasm.getValidRequestEnvsPolicy);
export const policySetTextToParts = watched(wasm.policySetTextToParts);
export const policyToJson = watched(wasm.policyToJson);
export const preparsePolicySet = watched(wasm.preparsePolicySet);
export const preparseSchema = watched(wasm.preparseSchema);
export const schemaToJson = watched(wasm.schemaToJson);
export const statefulIsAuthorized = watched(wasm.statefulIsAuthorized);
export const validate = watched(wasm.validate);

let trap: Error | null = null;
const waiting: ((error: Error) => void)[] = [];

/** Whether Cedar still answers in this thread. */
export function cedarAnswers(): boolean {
  return trap === null;
}

/** Resolves when Cedar has trapped in this thread: whatever policy is asked is refused from then on. */
export function cedarTrapped(): Promise<Error> {
  if (trap !== null) return Promise.resolve(trap);
  return new Promise((resolve) => waiting.push(resolve));
}

function watched<A extends unknown[], R>(call: (...args: A) => R): (...args: A) => R {
  return (...args) => {
    try {
      return call(...args);
    } catch (error) {
      // An exhausted stack leaves it as broken as a trap does.
      if (error instanceof Error && (error.name === 'RuntimeError' || error.name === 'RangeError')) note(error);
      throw error;
    }
  };
}

function note({ message }: Error): void {
  if (trap !== null) return;
  trap = new Error(
    `Cedar, which judges policy, has broken down in this process (${message}) and answers nothing any more: the process ends, ` +
      'so that its supervisor starts another.',
  );
  for (const resolve of waiting.splice(0)) resolve(trap);
}
