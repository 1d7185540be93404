import { nameSchema } from '../core/schemas/primitives.js';
import { REQUEST_LIMITS, type ReviewPlan } from '../core/schemas/action.js';
import type { Directory } from '../directory/directory.js';
import { suggest } from '../directory/nearest.js';
import { RESERVED_PLACES } from '../directory/places.js';
import { lackOfFallback, readBreakGlass, unpayable } from './break-glass.js';
import { readBudgets } from './budgets.js';
import { formatDuration, parseDuration } from './duration.js';
import { fillableBy } from './fillable.js';

/** Annotations of a permit that answers the review question. */
export const PLAN_ANNOTATIONS = [
  'review',
  'escalate',
  'remind',
  'page',
  'expire',
  'lease',
  'assurance',
  'freeze',
  'breakglass',
  'notify',
  'budget',
] as const;
type PlanAnnotation = (typeof PLAN_ANNOTATIONS)[number];

/** Something wrong with one annotation; `annotation` null: with the permit as a whole. */
export interface AnnotationFault {
  annotation: string | null;
  message: string;
}

type Report = (annotation: PlanAnnotation | null, message: string) => null;

/** The plan that one permit demands, or all that is wrong with how it says so. */
export function readPlan(
  id: string,
  annotations: Readonly<Record<string, string>>,
  directory: Directory,
): { plan: ReviewPlan | null; faults: AnnotationFault[] } {
  const faults: AnnotationFault[] = [];
  const report: Report = (annotation, message) => {
    faults.push({ annotation, message });
    return null;
  };
  const stages = readReview(annotations['review'], directory, report);
  const expireAfterMs = readExpire(annotations['expire'], report);
  const leaseTtlSeconds = readLease(annotations['lease'], report);
  const escalations = readEscalations(annotations['escalate'], expireAfterMs, directory, report);
  const remindAfterMs = readRemind(annotations['remind'], expireAfterMs, report);
  const pageAfterMs = readPage(annotations['page'], expireAfterMs, report);
  const assurance = readAssurance(annotations['assurance'], report);
  const notify = readNotify(annotations['notify'], directory, report);
  const budgets = readBudget(annotations['budget'], report);
  const breakGlass = readGlass(annotations['breakglass'], { stages, leaseTtlSeconds }, directory, report);
  const { freeze } = annotations;
  if (freeze !== undefined && freeze !== 'effect_mismatch')
    report('freeze', `@freeze is "${freeze}"; only "effect_mismatch" is known`);
  if (stages?.length === 0) {
    for (const name of ['escalate', 'remind', 'page', 'breakglass'] as const) {
      if (annotations[name] !== undefined)
        report(name, `@${name} has no effect beside @review("none"): remove one of them`);
    }
    if (assurance === 'web')
      report('assurance', '@assurance("web") has no effect beside @review("none"): remove one of them');
  }
  if (faults.length > 0 || stages === null || expireAfterMs === null || leaseTtlSeconds === null || assurance === null)
    return { plan: null, faults };
  const plan = {
    stages,
    escalations,
    remindAfterMs,
    ...(pageAfterMs !== undefined && { pageAfterMs }),
    expireAfterMs,
    leaseTtlSeconds,
    assurance,
    ...(freeze !== undefined && { freeze: 'effect_mismatch' as const }),
    ...(budgets !== undefined && { budgets }),
    ...(breakGlass !== undefined && { breakGlass }),
    ...(notify !== undefined && { notify }),
    policies: [id],
  };
  return { plan, faults };
}

/** `none`, or `group:quorum` joined by `&`. An empty list means automatic. */
function readReview(text: string | undefined, directory: Directory, report: Report): ReviewPlan['stages'] | null {
  if (text === undefined) {
    return report(
      null,
      'permits an operation without @review: write who reviews it, e.g. @review("dba:1"), or @review("none") for automatic',
    );
  }
  if (text.trim() === 'none') return [];
  const stages: ReviewPlan['stages'] = [];
  let sound = true;
  for (const part of text.split('&').map((piece) => piece.trim())) {
    const [, group, count] = /^([^:\s]+)\s*:\s*(\d{1,2})$/.exec(part) ?? [];
    const quorum = Number(count);
    if (group === undefined || !nameSchema.safeParse(group).success || quorum < 1 || quorum > 20) {
      report(
        'review',
        `@review has "${part}"; write group:quorum with a quorum of 1 to 20, stages joined by &, or "none"`,
      );
      sound = false;
      continue;
    }
    if (stages.some((stage) => stage.group === group)) {
      report('review', `@review names group "${group}" twice: write it once with the larger quorum`);
      sound = false;
    }
    sound = checkGroup('review', group, quorum, directory, report) && sound;
    stages.push({ group, quorum });
  }
  if (!sound) return null;
  if (!jointlyFillable(stages, directory)) {
    return report(
      'review',
      `@review("${text}") can never be filled: its groups do not hold enough different people, and nobody counts twice`,
    );
  }
  return stages.sort((a, b) => (a.group < b.group ? -1 : 1));
}

function jointlyFillable(stages: ReviewPlan['stages'], directory: Directory): boolean {
  const rest = { remindAfterMs: null, expireAfterMs: 1, leaseTtlSeconds: 10, assurance: 'any' as const };
  return fillableBy({ ...rest, stages, escalations: [], policies: [] }, [], directory) === 'now';
}

function checkGroup(
  annotation: PlanAnnotation,
  group: string,
  quorum: number,
  directory: Directory,
  report: Report,
): boolean {
  if (!directory.hasGroup(group)) {
    report(annotation, `@${annotation} names group "${group}"; ${suggest(group, directory.groups(), 'the directory')}`);
    return false;
  }
  const people = directory.membersOf(group).length;
  if (people >= quorum) return true;
  const have = people === 1 ? 'holds 1 person' : `holds ${String(people)} people`;
  report(
    annotation,
    `@${annotation} asks for ${String(quorum)} of group "${group}", which ${have} (aliases count once): add people or ask for fewer`,
  );
  return false;
}

/** `10m:dba-lead, 30m:security-oncall`. */
function readEscalations(
  text: string | undefined,
  expireAfterMs: number | null,
  directory: Directory,
  report: Report,
): ReviewPlan['escalations'] {
  if (text === undefined) return [];
  const escalations: ReviewPlan['escalations'] = [];
  if (text.split(',').length > 20) report('escalate', '@escalate has more than 20 steps');
  for (const part of text.split(',').map((piece) => piece.trim())) {
    const [, time, group] = /^(\w+)\s*:\s*([^:\s]+)$/.exec(part) ?? [];
    const afterMs = parseDuration(time ?? '');
    if (group === undefined || afterMs === null) {
      report(
        'escalate',
        `@escalate has "${part}"; write duration:group joined by commas, e.g. 10m:dba-lead, 30m:security-oncall`,
      );
    } else if (escalations.some((known) => known.group === group)) {
      report('escalate', `@escalate names group "${group}" twice: the earlier time is enough`);
    } else if (checkGroup('escalate', group, 1, directory, report)) {
      if (expireAfterMs !== null && afterMs >= expireAfterMs) {
        report(
          'escalate',
          `@escalate reaches "${group}" after ${formatDuration(afterMs)}, but the review expires after ${formatDuration(expireAfterMs)}`,
        );
      }
      escalations.push({ afterMs, group });
    }
  }
  return escalations.sort((a, b) => a.afterMs - b.afterMs || (a.group < b.group ? -1 : 1));
}

function readExpire(text: string | undefined, report: Report): number | null {
  if (text === undefined)
    return report(null, 'permits an operation without @expire: write how long the action may wait, e.g. @expire("2h")');
  const ms = parseDuration(text);
  if (ms === null) return report('expire', badDuration('expire', text));
  if (ms > REQUEST_LIMITS.lifetimeMs) {
    return report(
      'expire',
      `@expire is "${text}"; no request lives longer than ${formatDuration(REQUEST_LIMITS.lifetimeMs)}`,
    );
  }
  return ms;
}

function readLease(text: string | undefined, report: Report): number | null {
  if (text === undefined)
    return report(
      null,
      'permits an operation without @lease: write how long its credential may live, e.g. @lease("5m")',
    );
  const ms = parseDuration(text);
  if (ms === null) return report('lease', badDuration('lease', text));
  const seconds = ms / 1_000;
  if (seconds < 10 || seconds > 86_400) return report('lease', `@lease is "${text}"; a lease lives from 10s to 1d`);
  return seconds;
}

function readRemind(text: string | undefined, expireAfterMs: number | null, report: Report): number | null {
  if (text === undefined) return null;
  const ms = parseDuration(text);
  if (ms === null) return report('remind', badDuration('remind', text));
  if (expireAfterMs !== null && ms >= expireAfterMs) {
    return report('remind', `@remind is "${text}", but the review expires after ${formatDuration(expireAfterMs)}`);
  }
  return ms;
}

/** `20m`, or `now`. */
function readPage(text: string | undefined, expireAfterMs: number | null, report: Report): number | undefined {
  if (text === undefined) return undefined;
  const ms = text.trim() === 'now' ? 0 : parseDuration(text);
  if (ms === null) report('page', `@page is "${text}"; write "now", or a duration such as 5m or 1h`);
  else if (expireAfterMs !== null && ms >= expireAfterMs) {
    const message = `@page pages after ${formatDuration(ms)}, but the review expires after ${formatDuration(expireAfterMs)}`;
    report('page', message);
  }
  return ms ?? undefined;
}

/** `prod-approvals, direct`: names of places, sorted. */
function readNotify(text: string | undefined, directory: Directory, report: Report): string[] | undefined {
  if (text === undefined) return undefined;
  const names = text.split(',').map((name) => name.trim());
  const known = [...RESERVED_PLACES, ...directory.places()];
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) !== index) report('notify', `@notify names place "${name}" twice: remove one`);
    else if (!known.includes(name))
      report('notify', `@notify names place "${name}"; ${suggest(name, known, 'the directory')}`);
  }
  if (names.length > 20) report('notify', '@notify names more than 20 places');
  return names.sort();
}

function readBudget(text: string | undefined, report: Report): ReviewPlan['budgets'] {
  if (text === undefined) return undefined;
  return readBudgets(text, (message) => report('budget', message));
}

/** Undefined also for what has a fault: that is reported. */
function readGlass(
  text: string | undefined,
  { stages, leaseTtlSeconds }: { stages: ReviewPlan['stages'] | null; leaseTtlSeconds: number | null },
  directory: Directory,
  report: Report,
): ReviewPlan['breakGlass'] {
  if (text === undefined) return undefined;
  const fault = (message: string): null => report('breakglass', message);
  const breakGlass = readBreakGlass(text, fault);
  if (breakGlass === null || stages === null || stages.length === 0) return undefined;
  const known = breakGlass.stages.map(({ group, quorum }) =>
    checkGroup('breakglass', group, quorum, directory, report),
  );
  if (!known.every(Boolean)) return undefined;
  if (!jointlyFillable(breakGlass.stages, directory))
    fault(`@breakglass("${text}") can never be filled: its groups do not hold enough different people`);
  if (leaseTtlSeconds !== null && breakGlass.leaseTtlSeconds > leaseTtlSeconds)
    fault(
      `@breakglass lends for ${formatDuration(breakGlass.leaseTtlSeconds * 1_000)}, longer than @lease: a broken glass lends for less, never for more`,
    );
  const noFallback = lackOfFallback(breakGlass, directory);
  if (noFallback !== null) fault(`@breakglass ${noFallback}`);
  for (const group of unpayable({ stages, breakGlass }, directory))
    fault(
      `@breakglass may leave nobody of group "${group}" to review it afterwards: all of them might break the glass`,
    );
  return breakGlass;
}

function readAssurance(text: string | undefined, report: Report): ReviewPlan['assurance'] | null {
  if (text === undefined || text === 'any' || text === 'web') return text ?? 'any';
  return report('assurance', `@assurance is "${text}"; only "any" and "web" are known`);
}

function badDuration(annotation: PlanAnnotation, text: string): string {
  return `@${annotation} is "${text}"; write a duration such as 30s, 5m, 2h or 7d`;
}
