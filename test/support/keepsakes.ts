import type { Contents } from '../../src/record/contents.js';

/** For operations that keep nothing. */
export const noKeepsakes: Contents = {
  put: () => Promise.reject(new Error('this operation keeps nothing')),
  isUploadedBy: () => Promise.reject(new Error('this operation takes no uploads')),
  get: () => Promise.reject(new Error('this operation keeps nothing')),
};
