import type { Directory } from '../../directory/directory.js';
import { loadDirectory } from '../../directory/load-directory.js';
import type { BundleFiles } from '../bundle-files.js';
import type { LoadedBundle } from './bundle-document.js';

/**
 * The directories of the bundles that a process judged by. What somebody was let do under one of them stays done: else every
 * freeze that they ever lifted would stand again when they leave a group.
 */
export interface FormerDirectories {
  remember(files: BundleFiles['files']): void;
  /** The bundle, whose directory knows the former ones too. */
  joined(bundle: LoadedBundle): LoadedBundle;
}

export function createFormerDirectories(): FormerDirectories {
  // By text: most changes touch something else.
  const known = new Map<string, Directory>();
  return {
    remember(files) {
      const source = files.get('directory.yaml');
      if (source === undefined || known.has(source.text)) return;
      const loaded = loadDirectory(source);
      // One that this release does not load lets nobody do anything.
      if (loaded.ok) known.set(source.text, loaded.value);
    },
    joined(bundle) {
      const { directory } = bundle.policy;
      const mayUnfreeze: Directory['mayUnfreeze'] = (person, agent) =>
        directory.mayUnfreeze(person, agent) || [...known.values()].some((each) => each.mayUnfreeze(person, agent));
      return { ...bundle, policy: { ...bundle.policy, directory: { ...directory, mayUnfreeze } } };
    },
  };
}
