import './short-stack-traces.js';
export { privilegedAction } from './privileged-action.js';
export { retrospectiveReview } from './retrospective-review.js';
export { sweepLeases } from './sweep-leases.js';
