import type { Contents } from '../../src/record/contents.js';

/** For operations that keep nothing. */
export const noKeepsakes: Contents = {
  put: () => Promise.reject(new Error('this operation keeps nothing')),
  get: () => Promise.reject(new Error('this operation keeps nothing')),
};
