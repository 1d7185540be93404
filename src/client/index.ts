/**
 * The client for agents (`countersign/client`): asks for privileged actions and waits for them, through the gateway
 * (`createGatewayAgent`) or with a Temporal client of one's own (`createTemporalAgent`).
 */
export { createAgentSigner, type AgentSigner } from './agent-signer.js';
export {
  createGatewayAgent,
  type AgentRequest,
  type Asked,
  type CountersignGateway,
  type GatewayAgentOptions,
} from './gateway.js';
export { createTokenFile, type AgentTokens } from './identity.js';
export type { OnBehalfOf } from './api.js';
export {
  createTemporalAgent,
  type CountersignTemporal,
  type TemporalAgentOptions,
  type TemporalEnd,
} from './temporal.js';
export {
  signRequest,
  signWithdrawal,
  type RequestInput,
  type SignedRequest,
  type WithdrawalInput,
} from './requests.js';
export { WaitTimedOut, type WaitOptions } from './wait.js';
export type { Downloaded } from './download.js';
export type { UploadedSource } from './upload.js';
export type { ActionPage, ActionSummary } from './answers.js';
export { AlreadyAsked, Refusal, ServiceFault, type RefusalCode } from '../core/errors.js';
export type { ActionView } from '../record/action-view.js';
