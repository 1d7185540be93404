import type { Destination } from './send-ledger.js';
import type { SinkDependencies, SinkKind, SinkSettings } from './sink.js';
import { sinkKinds, type AnySinkSettings } from './sinks/catalog.gen.js';

/** The receivers that the settings name. */
export function destinationsOf(all: readonly AnySinkSettings[], dependencies: SinkDependencies): Destination[] {
  return all.map((settings) => {
    const kind = kindOf(settings);
    return {
      name: settings.name,
      kind: settings.kind,
      resendAfterBreak: kind.resendAfterBreak(settings),
      open: () => kind.open(settings, dependencies),
    };
  });
}

function kindOf({ kind }: SinkSettings): SinkKind {
  const found = (sinkKinds as unknown as readonly SinkKind[]).find((known) => known.kind === kind);
  if (found === undefined) throw new Error(`Nothing knows sinks of kind ${kind}.`);
  return found;
}
