import { digestOf } from './json.js';
import type { StatementBody } from './schemas/statements.js';

/** Names a preview and its flags: what the action digest binds of all that people are shown. */
export function previewDigestOf(shown: Pick<StatementBody<'preview'>, 'target' | 'preview' | 'flags'>): string {
  return digestOf({ target: shown.target, preview: shown.preview, flags: shown.flags });
}
