import type { Envelope } from '../../../src/core/dsse.js';
import { Refusal } from '../../../src/core/errors.js';
import { gatherRows, type ReportSource } from '../../../src/reports/gather.js';
import { buildReport, type Report } from '../../../src/reports/report.js';
import { idOf, signedAction, verifying, type Story } from '../../support/signed-action.js';

export const FROM_MS = Date.UTC(2026, 10, 1);
export const TO_MS = Date.UTC(2026, 11, 1);
export const DAY_MS = 86_400_000;

/** A gateway that holds these, and lists a few at a time. */
function sourceOf(held: ReadonlyMap<string, Envelope[] | Refusal>): ReportSource {
  return {
    async statementsBefore(before) {
      const ids = [...held.keys()]
        .sort()
        .reverse()
        .filter((id) => id < before);
      const page = ids.slice(0, 3);
      return {
        actions: page.flatMap((actionId) => {
          const statements = held.get(actionId);
          return statements === undefined || statements instanceof Refusal ? [] : [{ actionId, statements }];
        }),
        unreadable: page.filter((id) => held.get(id) instanceof Refusal),
        next: page.length < 3 ? null : (page.at(-1) ?? null),
      };
    },
  };
}

/** Of November 2026, made a day after its end. */
export async function reportOf(held: ReadonlyMap<string, Envelope[] | Refusal>): Promise<Report> {
  const nowMs = TO_MS + DAY_MS;
  const rows = await gatherRows(sourceOf(held), { ...verifying, fromMs: FROM_MS, toMs: TO_MS, nowMs });
  return buildReport(rows, { fromMs: FROM_MS, toMs: TO_MS, generatedAtMs: nowMs });
}

/** These actions, by their ids. */
export async function held(...stories: Story[]): Promise<Map<string, Envelope[] | Refusal>> {
  return new Map(await Promise.all(stories.map(async (story) => [idOf(story), await signedAction(story)] as const)));
}

export const noon = FROM_MS + 10 * DAY_MS + DAY_MS / 2;
export const approved: Story = {
  number: 1,
  requestedAtMs: noon,
  decisions: [{ person: 'ben', afterMs: 91_000 }],
  startedAfterMs: 95_000,
  revokedAfterMs: 98_000,
};

/** It ran because erin and ulla broke the glass. */
export const broken: Story = {
  number: 50,
  requestedAtMs: noon,
  summary: 'Export of 1 table from orders',
  plan: {
    stages: [
      { group: 'data-owner', quorum: 1 },
      { group: 'dba', quorum: 1 },
    ],
    breakGlass: { stages: [{ group: 'sre', quorum: 2 }], leaseTtlSeconds: 300, reviewWithinMs: DAY_MS },
  },
  decisions: [
    { person: 'erin', afterMs: 3_000, groups: ['sre'], breakGlass: true, reason: 'The shop is down.' },
    { person: 'ulla', afterMs: 4_000, groups: ['sre'], breakGlass: true, reason: 'Nobody of dba answers.' },
  ],
  glass: { by: ['erin', 'ulla'], afterMs: 5_000, dueAfterMs: 5_000 + DAY_MS },
  startedAfterMs: 6_000,
  revokedAfterMs: 9_000,
};
