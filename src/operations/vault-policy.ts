export { vaultPolicy as operation } from './vault-policy/vault-policy.js';
