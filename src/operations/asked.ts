import type { ActionRequest } from '../core/schemas/action.js';
import type { Target } from '../targets/targets.js';
import type { Asked } from './operation.js';

/** What an operation is told of an action: from its signed request, with the parameters parsed and the target found. */
export function askedOf(
  { actionId, agent }: Pick<ActionRequest, 'actionId' | 'agent'>,
  { params, target }: { params: unknown; target: Target },
): Asked<unknown> {
  return { actionId, agent, params, target };
}
