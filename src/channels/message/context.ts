import type { Directory } from '../../directory/directory.js';

/** What every message is written with. */
export interface RenderContext {
  directory: Directory;
  /** Without a trailing slash. */
  publicUrl: string;
}

/** Address of the page that shows all of an action. */
export function viewUrl(publicUrl: string, actionId: string): string {
  return `${publicUrl}/view/${encodeURIComponent(actionId)}`;
}
