import { createHmac } from 'node:crypto';

/** Signs as Slack does (https://docs.slack.dev/authentication/verifying-requests-from-slack). */
export function slackSignature(signingSecret: string, timestamp: number | string, body: string | Uint8Array): string {
  return `v0=${createHmac('sha256', signingSecret)
    .update(`v0:${String(timestamp)}:`)
    .update(body)
    .digest('hex')}`;
}

/** The form that Slack puts a payload in. */
export function payloadForm(payload: unknown): string {
  return new URLSearchParams({ payload: typeof payload === 'string' ? payload : JSON.stringify(payload) }).toString();
}
