import { describeScope, wordOfScope } from '../../record/freezes.js';
import type { AlarmState } from '../clearing.js';
import type { FreezeState } from '../freezing.js';
import { subjectUrl, type RenderContext } from './context.js';
import { personName } from './parts.js';
import { bold, clip, date, richText, section, text, type Inline, type RichTextBlock } from './rich-text.js';

/** What chats show of an alarm or a freeze: one message, posted once, and changed in place when it is over. */
export interface Notice {
  /** As `MessageKey`. */
  subject: string;
  headline: string;
  block: RichTextBlock;
  /** Where people look further, and do what is to be done. */
  url: string;
  /** When it was cleared, or lifted; null while it stands. */
  overAtMs: number | null;
}

/** The slot of its message. */
export const NOTICE_SLOT = 'notice';

/** Of what was over before a channel could tell of it: what is older is no news. */
const NEWS_MS = 86_400_000;

/** How far a notice has come; see `MessageStore.advance`. */
export function revisionOfNotice({ overAtMs }: Notice): number {
  return overAtMs === null ? 1 : 2;
}

/** Whether it is posted where nothing of it stands: so that what came and went while a chat was away is told, too. */
export function isNews({ overAtMs }: Notice, nowMs: number): boolean {
  return overAtMs === null || nowMs - overAtMs < NEWS_MS;
}

export function noticeOfAlarm({ digest, body, cleared }: AlarmState, context: RenderContext): Notice {
  const { code, severity, sentence, stopsApprovals, raisedAtMs } = body;
  const effect = stopsApprovals ? 'Nothing is approved or run until it is cleared.' : 'Approvals go on.';
  const what = [...bold(`${code}, ${severity}. `), ...text(clip(sentence, TEXT_BYTES))];
  const raised = [...text('Raised '), date(raisedAtMs), ...text('. ')];
  const then =
    cleared === null
      ? [...text(`${effect} Look into it, then clear it by `), ...command(`clear ${digest}`)]
      : byWhom('Cleared by ', cleared.by.person, { atMs: cleared.clearedAtMs, reason: cleared.reason, context });
  const standing = stopsApprovals ? `🚨 Alarm, approvals are stopped: ${code}` : `🚨 Alarm: ${code}`;
  const subject = `alarm/${digest}`;
  return {
    subject,
    headline: cleared === null ? standing : `✅ Alarm cleared: ${code}`,
    block: richText(section(...what), section(...raised, ...then)),
    url: subjectUrl(context.publicUrl, subject),
    overAtMs: cleared?.clearedAtMs ?? null,
  };
}

export function noticeOfFreeze(freeze: FreezeState, context: RenderContext): Notice {
  const { digest, scope, by, reason, actionId, frozenAtMs, lifts, missing } = freeze;
  const what = describeScope(scope);
  const put =
    by === null
      ? [
          ...text(`Frozen by the executor `),
          date(frozenAtMs),
          ...text(`, because the effect of action ${actionId ?? 'unknown'} was not what had been declared.`),
        ]
      : byWhom('Frozen by ', by, { atMs: frozenAtMs, reason: reason ?? '', context });
  const last = lifts.at(-1);
  const isLifted = missing === 0;
  const lifters = [...new Set(lifts.map(({ person }) => personName(context.directory, person)))].join(' and ');
  const then = isLifted
    ? [
        ...text(`Lifted by ${lifters} `),
        date(last?.atMs ?? frozenAtMs),
        ...text('. What had been ended does not come back.'),
      ]
    : [...text(EFFECTS[freeze.because]), ...command(`unfreeze ${namesOf(freeze)}`)];
  const subject = `freeze/${digest}`;
  return {
    subject,
    headline: isLifted ? `🟢 Freeze lifted: ${what}` : `⛔ Frozen: ${what}`,
    block: richText(section(...put), section(...then)),
    url: subjectUrl(context.publicUrl, subject),
    overAtMs: isLifted ? (last?.atMs ?? frozenAtMs) : null,
  };
}

/** Of a sentence or a reason, so that a notice fits anywhere. */
const TEXT_BYTES = 2_400;

const EFFECTS: Readonly<Record<FreezeState['because'], string>> = {
  person:
    'What was open under it is ended, and nothing new runs. Two different people of the group that unfreezes lift it, each by ',
  effect_mismatch: 'Nothing that it asks for runs. One person of the group that unfreezes lifts it by ',
};

function byWhom(
  verb: string,
  person: string,
  { atMs, reason, context }: { atMs: number; reason: string; context: RenderContext },
): Inline[] {
  const name = personName(context.directory, person);
  return [...text(`${verb}${name} `), date(atMs), ...text(`: ${clip(reason, TEXT_BYTES)}`)];
}

function command(words: string): Inline[] {
  return [...text(`countersign ${words} --reason '…'`, { code: true }), ...text('.')];
}

/** As the command line names a scope. */
function namesOf({ scope }: FreezeState): string {
  return scope.kind === 'all' ? 'all' : wordOfScope(scope).replace('/', ' ');
}
