export { privilegedAction } from './privileged-action.js';
export { sweepLeases } from './sweep-leases.js';
