import { ServiceFault } from '../../core/errors.js';
import type { Directory } from '../../directory/directory.js';
import type { OnCall } from '../../directory/oncall/on-call.js';
import type { Severity } from '../../core/schemas/action.js';
import type { ActionView } from '../../record/action-view.js';
import type { Recorded } from '../../record/record.js';
import type { AnnouncementEvent } from '../../contracts/activities.js';
import type { Channel } from '../channel.js';
import type { MessageKey, MessageStore } from '../message/message-store.js';
import { visibleLine } from '../../core/visible-text.js';
import { personName } from '../message/parts.js';
import type { PagerAlert, PagerdutyEvents } from './pagerduty-events.js';

export interface PagerChannelOptions {
  events: PagerdutyEvents;
  /** Remembers which alerts stand, so that only those are resolved. */
  store: Pick<MessageStore, 'posted' | 'shown' | 'standing' | 'reserve' | 'settle' | 'release' | 'forget'>;
  /** Actions as they stand; undefined for one that cannot be read. */
  viewsOf: (actionIds: readonly string[]) => Promise<(ActionView | undefined)[]>;
  /** Incidents, newest first; some of the last. */
  incidents: () => Promise<readonly Pick<Recorded<'incident'>, 'body'>[]>;
  directory: () => Directory;
  onCall: OnCall;
  /** Without a slash at its end. */
  publicUrl: string;
  clock: () => number;
}

const NAME = 'pagerduty';

/** Alerts that stand until a person has looked: nothing here ends them, and so none is looked at again. */
const LASTING = 'pagerduty/lasting';

const DAY_MS = 86_400_000;

/**
 * What wakes people: a review that policy wants paged, a lease whose end is late, a broken glass, and its review when late, a
 * critical incident.
 */
type Alert = 'review' | 'lease' | 'glass' | 'debt' | 'incident';

/** Pages by PagerDuty. An alert stands until what it told of is over, whichever channel it was settled in. */
export function createPagerChannel(options: PagerChannelOptions): Channel {
  const { events, publicUrl } = options;
  return {
    name: NAME,
    async announce(event, view) {
      if (gravestIncident(view) !== undefined) await show('incident', true, view, options);
      await show('review', isReviewDue(event, view), view, options);
      await settleLease(view, options);
      await showGlass(event, view, options);
    },
    async catchUp() {
      try {
        await pageIncidents(options);
      } finally {
        // An incident that cannot be paged leaves no alert standing whose cause is over.
        await settleStanding(options);
      }
    },
    leaseLate: (view) => show('lease', true, view, options),
    alarmStands: ({ digest, body }) =>
      // The same key never makes a second alert, whoever sends it.
      events.trigger(alarmKey(digest), {
        summary: `Countersign: ${body.stopsApprovals ? 'nothing is approved or run until this is cleared. ' : ''}${body.sentence}`,
        severity: SEVERITIES[body.severity],
        details: { alarm: digest, code: body.code, to_clear: `countersign clear ${digest} --reason <what was found>` },
        link: { href: publicUrl, text: 'Open Countersign' },
      }),
    alarmCleared: ({ digest }) => events.resolve(alarmKey(digest)),
  };
}

/** Whoever ended the action's workflow, or the process that opened the incident, keeps nobody from hearing of it. */
async function pageIncidents(options: PagerChannelOptions): Promise<void> {
  const { incidents, viewsOf, store, clock } = options;
  const fresh = (await incidents()).filter(({ body }) => isPaged(body) && clock() - body.openedAtMs < DAY_MS);
  for (const actionId of new Set(fresh.map(({ body }) => body.actionId))) {
    if ((await store.posted(keyOf('incident', actionId))) !== undefined) continue;
    const [view] = await viewsOf([actionId]);
    if (view !== undefined) await show('incident', true, view, options);
  }
}

const isPaged = ({ severity }: { severity: Severity }): boolean => severity === 'critical';

const gravestIncident = ({ incidents }: ActionView): ActionView['incidents'][number] | undefined =>
  incidents.find(isPaged);

/** The process that paged may have ended before it was noted, or the action without an announcement. */
async function settleStanding(options: PagerChannelOptions): Promise<void> {
  for (const view of await options.viewsOf(await options.store.standing(NAME))) {
    if (view === undefined) continue;
    await show('review', isReviewDue(null, view), view, options);
    await settleLease(view, options);
    await showGlass(null, view, options);
  }
}

async function settleLease(view: ActionView, options: PagerChannelOptions): Promise<void> {
  // Open alone is not late: some credentials can only end with their time.
  if (view.outcome !== null && view.lease !== 'open') await show('lease', false, view, options);
}

/** Both stand until it was reviewed: whoever acknowledges the first is woken again by the second. */
async function showGlass(
  event: AnnouncementEvent | null,
  view: ActionView,
  options: PagerChannelOptions,
): Promise<void> {
  const { breakGlass, outcome } = view;
  if (breakGlass === null || breakGlass.state === 'offered') return;
  const isOver = breakGlass.state === 'paid' || (breakGlass.state === 'broken' && outcome !== null);
  await show('glass', isOver ? false : event === 'glass_broken' ? true : null, view, options);
  await show('debt', isOver ? false : event === 'debt_overdue' ? true : null, view, options);
}

const alarmKey = (digest: string): string => `countersign/alarm/${digest}`;

/** Once paged it stands as long as the review waits; true: page now, null: leave it as it is, false: it is over. */
function isReviewDue(event: AnnouncementEvent | null, view: ActionView): boolean | null {
  if (view.state !== 'waiting') return false;
  return event === 'paged' ? true : null;
}

async function show(
  alert: Alert,
  isDue: boolean | null,
  view: ActionView,
  options: PagerChannelOptions,
): Promise<void> {
  if (isDue === null) return;
  const { events, store, clock } = options;
  const key = keyOf(alert, view.actionId);
  const dedupKey = `countersign/${view.actionId}/${alert}`;
  const stands = await store.posted(key);
  if (isDue) {
    if (stands !== undefined) return;
    // Whatever is known of an earlier attempt: the same key never makes a second alert.
    const { kind } = await store.reserve(key, NAME, clock());
    if (kind === 'held') throw new ServiceFault('pager', 'Another attempt to page is under way.', true);
    try {
      await events.trigger(dedupKey, await alertOf(alert, view, options));
    } catch (error) {
      // Without an answer it may stand.
      await store.release(key, error instanceof ServiceFault && !error.temporary ? 'absent' : 'unclear');
      throw error;
    }
    await store.settle(key, { conversation: NAME, ts: dedupKey });
    return;
  }
  if (stands !== undefined) {
    await events.resolve(dedupKey);
    await store.forget(key, stands);
    return;
  }
  // No answer came, or the process was killed between PagerDuty's answer and our row: the alert may stand.
  const isUnsure = (await store.shown(NAME, view.actionId, alert)).some(({ slot }) => slot === alert);
  if (!isUnsure) return;
  await store.reserve(key, NAME, clock());
  await events.resolve(dedupKey);
  await store.release(key, 'absent');
}

function keyOf(alert: Alert, actionId: string): MessageKey {
  return { channelName: alert === 'incident' ? LASTING : NAME, subject: actionId, slot: alert };
}

async function alertOf(alert: Alert, view: ActionView, options: PagerChannelOptions): Promise<PagerAlert> {
  const { publicUrl } = options;
  const { operation, agent } = view.request;
  const what = `${operation} on ${view.target?.name ?? 'its target'} (${view.target?.environment ?? 'unknown'}), asked by agent ${agent}`;
  const details = { action: view.actionId, risk: view.risk, ...(await whoIsAsked(alert, view, options)) };
  const link = { href: `${publicUrl}/view/${view.actionId}`, text: 'Open the action' };
  if (alert === 'lease') {
    const summary = `Countersign: the lease of ${what} has not provably ended. Revocation is retried; look at Vault and the target.`;
    return { summary, severity: 'critical', details, link };
  }
  if (alert === 'incident') {
    const summary = `Countersign: incident with ${what}. ${visibleLine(gravestIncident(view)?.sentence ?? '')}`;
    return { summary, severity: 'critical', details, link };
  }
  if (alert === 'glass' || alert === 'debt') return { ...glassAlert(alert, what, view), details, link };
  const until = minuteOf(view.expiresAtMs);
  const summary = `Countersign: ${what}, waits for a decision. It expires ${until} UTC, which means denied.`;
  return { summary, severity: SEVERITIES[view.risk], details, link };
}

function glassAlert(
  alert: 'glass' | 'debt',
  what: string,
  { breakGlass, plan }: ActionView,
): Pick<PagerAlert, 'summary' | 'severity'> {
  const by = (breakGlass?.by ?? []).map(({ person }) => person).join(' and ');
  const why = visibleLine(breakGlass?.by[0]?.reason ?? '');
  const dueAtMs = breakGlass?.debt?.dueAtMs;
  const until = dueAtMs === undefined ? '' : `, until ${minuteOf(dueAtMs)} UTC`;
  const who = (breakGlass?.debt?.open ?? plan?.stages.map(({ group }) => group) ?? []).join(' and ');
  const summary =
    alert === 'glass'
      ? `Countersign: ${by} broke the glass for ${what}: ${why} It is to be reviewed by ${who}${until}.`
      : `Countersign: the review of a broken glass is late (${what}). ${who} must look; until then nobody breaks it again.`;
  return { summary, severity: 'critical' };
}

function minuteOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 16).replace('T', ' ');
}

async function whoIsAsked(
  alert: Alert,
  view: ActionView,
  { directory, onCall }: PagerChannelOptions,
): Promise<Record<string, string>> {
  if (alert !== 'review') return {};
  const groups = [
    ...new Set(
      [...(view.quorum?.open ?? []), ...view.escalated.map(({ group }) => ({ group }))].map(({ group }) => group),
    ),
  ];
  const people = (await Promise.all(groups.map((group) => onCall.of(group)))).flatMap((answer) => answer.people);
  const barred = new Set(view.barred.map(({ person }) => person));
  const names = [...new Set(people)]
    .filter((person) => !barred.has(person))
    .map((person) => personName(directory(), person));
  return { waits_for: groups.join(', '), ...(names.length > 0 && { on_call: names.join(', ') }) };
}

const SEVERITIES: Record<Severity, PagerAlert['severity']> = {
  critical: 'critical',
  high: 'error',
  medium: 'warning',
  low: 'info',
  info: 'info',
};
