/** Where a configuration lies. */
export interface SourceTree {
  /** Nothing outside it may be named. Absolute. */
  root: string;
  /** The module to begin with, relative to the root; `.` for the root itself. */
  folder: string;
}

/** Whether a normalised relative path stays where it begins. */
export function isInside(path: string): boolean {
  return !path.startsWith('/') && path !== '..' && !path.startsWith('../');
}
