import { setTimeout as pause } from 'node:timers/promises';
import { Refusal, ServiceFault } from '../core/errors.js';
import { intercepted } from '../enforcement/intercepted.js';
import { latest, type Draft, type Record as ActionRecord } from '../record/record.js';
import { LEASE_INTERCEPTED } from '../record/verify-statement.js';
import type { LeaseRequest } from './leases.js';

/** What is told of a token that somebody else unwrapped. */
export interface StolenLease {
  accessor: string;
  leasedAtMs: number;
  /** Within which a wrapped token can be unwrapped. */
  wrapTtlSeconds: number;
}

const ASK_AGAIN_MS = 500;

/**
 * Opens the incident. It waits for the record for as long as the lease could live: whoever asks again gets another token, and
 * would never hear of this one.
 * @returns the refusal that ends the action
 * @throws ServiceFault `record` when it stayed away
 */
export async function openIncident(
  request: LeaseRequest,
  lease: StolenLease,
  { record, clock }: { record: Pick<ActionRecord, 'append' | 'ofAction'>; clock: () => number },
): Promise<Refusal> {
  const openedAtMs = clock();
  const sentence = sentenceOf(request, lease, openedAtMs);
  for (;;) {
    try {
      await record.append([await incidentOf(request, lease, { sentence, openedAtMs }, record)]);
      return intercepted();
    } catch (error) {
      const mayPass = error instanceof ServiceFault && error.temporary;
      if (!mayPass || clock() > openedAtMs + request.ttlSeconds * 1_000) throw error;
      await pause(ASK_AGAIN_MS);
    }
  }
}

async function incidentOf(
  { actionId, requestDigest }: LeaseRequest,
  { accessor }: StolenLease,
  told: { sentence: string; openedAtMs: number },
  record: Pick<ActionRecord, 'ofAction'>,
): Promise<Draft<'incident'>> {
  const asked = latest(await record.ofAction(actionId), 'request');
  if (asked === undefined)
    throw new Refusal('statement_missing', 'The request of an action with a stolen lease is not on record.');
  const body = { actionId, agent: asked.body.agent, code: LEASE_INTERCEPTED, severity: 'critical' as const, ...told };
  return { kind: 'incident', actionId, requestDigest, key: `lease/${accessor}`, body };
}

/** For whoever is woken by it: what happened, what it was good for, and where to look. At most 500 characters. */
function sentenceOf(
  { purpose, role, target, ttlSeconds }: LeaseRequest,
  { accessor, leasedAtMs, wrapTtlSeconds }: StolenLease,
  nowMs: number,
): string {
  const process = purpose === 'preview' ? 'worker' : 'executor';
  const isLate = nowMs - leasedAtMs >= wrapTtlSeconds * 1_000;
  const who = isLate
    ? `was unwrapped by someone else, or ran out after ${String(wrapTtlSeconds)} s`
    : 'was unwrapped by someone else';
  const endsAt = timeOf(leasedAtMs + ttlSeconds * 1_000);
  return (
    `The Vault token (accessor ${accessor.slice(0, 30)}) for this ${purpose} ${who}. It is being revoked; nothing ran with it. ` +
    `Until it ends, by ${endsAt} UTC, its holder can lease ${role.slice(-40)} on ${target}. ` +
    `Who could read it: the ${process}'s host, its way to Vault, Vault's administrators. ` +
    `Look in Vault's audit log for sys/wrapping/unwrap since ${timeOf(leasedAtMs)}, and at the target.`
  );
}

const timeOf = (atMs: number): string => new Date(atMs).toISOString().slice(11, 19);
