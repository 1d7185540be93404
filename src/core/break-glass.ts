import { WEB_CHANNEL } from './assurance.js';

/** Least characters of the reason of who breaks the glass: enough to say what burns. */
export const GLASS_REASON_CHARS = 20;

/** Name of the channel of people's tokens: HTTP API and CLI. */
const API_CHANNEL = 'api';

/** Where the glass can be broken: where the warning is read whole, and nobody does it by a slip of the thumb. */
const GLASS_CHANNELS: readonly string[] = [API_CHANNEL, WEB_CHANNEL];

/** Why nobody breaks the glass like this, in one sentence and its code; null when they may. */
export function lackOfGlass({
  channel,
  reason,
}: {
  channel: string;
  reason: string;
}): { code: 'glass_not_here' | 'reason_missing'; message: string } | null {
  if (!GLASS_CHANNELS.includes(channel))
    return {
      code: 'glass_not_here',
      message: 'The glass is not broken from a chat: use the full view, or countersign approve --break-glass.',
    };
  if (shownOf(reason).length >= GLASS_REASON_CHARS) return null;
  return {
    code: 'reason_missing',
    message: `Whoever breaks the glass says what burns, in at least ${String(GLASS_REASON_CHARS)} characters: everybody is told, and it is reviewed.`,
  };
}

/** What a reader sees of it: nothing that shows as nothing, and a run of blanks as one. */
function shownOf(text: string): string {
  return text
    .replace(/\u2800/gu, ' ')
    .replace(/[\p{Default_Ignorable_Code_Point}\p{Cf}]/gu, '')
    .replace(/\s+/gu, ' ')
    .trim();
}
