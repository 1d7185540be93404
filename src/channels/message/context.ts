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

/** Address of the page about what a message is about: an action, or one of the alarms and freezes. */
export function subjectUrl(publicUrl: string, subject: string): string {
  return subject.includes('/') ? `${publicUrl}/actions?show=incidents` : viewUrl(publicUrl, subject);
}
