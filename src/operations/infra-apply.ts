export { infraApply as operation } from './infra-apply/infra-apply.js';
