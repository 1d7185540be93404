import type { ActionSummary } from '../api/types.js';

/** That the glass was broken for an action; nothing where it is offered, or only begun to be broken. */
export function GlassMark({ glass }: { glass: ActionSummary['breakGlass'] }) {
  return glass === null || glass.state === 'offered' ? null : <span className="chip chip-warn">glass broken</span>;
}
