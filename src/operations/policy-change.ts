export { policyChange as operation } from './policy-change/policy-change.js';
