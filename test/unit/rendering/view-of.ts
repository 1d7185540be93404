import { sha256Hex, type JsonObject } from '../../../src/core/json.js';
import type { Flag, Preview, TargetRef } from '../../../src/core/schemas/action.js';
import { riskOf, type ActionView } from '../../../src/record/action-view.js';
import { waitingAction } from '../cli/action-fixture.js';

export const TUESDAY_NIGHT_MS = Date.UTC(2026, 10, 17, 21, 40);
export const HOURS = { timeZone: 'Europe/Berlin', from: 8, to: 18 };
export const BASE = { environment: 'production', owners: ['dana'], hours: HOURS };
export const LEASING = { previewTokenRole: 'preview', executeTokenRole: 'execute' };

interface Asked {
  operation: string;
  params: unknown;
  reason: string;
  target: TargetRef;
  preview: Preview;
  flags: Flag[];
}

export function viewOf({ operation, params, reason, target, preview, flags }: Asked): ActionView {
  const view = waitingAction();
  return {
    ...view,
    request: { ...view.request, operation, params: params as JsonObject, reason },
    target: { kind: target.kind, name: target.name, environment: target.environment },
    preview,
    flags,
    risk: riskOf(flags),
    policy: { digest: sha256Hex('the example bundle'), number: 4 },
    decisions: [],
    quorum: { filled: false, open: [{ group: 'dba', places: 2 }] },
    timeline: (['request', 'preview', 'plan'] as const).map((kind, index) => ({
      kind,
      atMs: view.request.requestedAtMs + 2_000 * index,
      signedBy: kind === 'request' ? 'agent/export-bot' : 'worker/1',
      digest: sha256Hex(kind + operation),
    })),
  };
}
