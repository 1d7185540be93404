import type { z } from 'zod';
import type { alarmsSchema } from '../../../src/channels/api/alarm-schemas.js';
import type { freezeSchema, freezesSchema } from '../../../src/channels/api/freeze-schemas.js';
import type { debtsSchema, debtStateSchema } from '../../../src/channels/api/debt-schemas.js';
import type { incidentsSchema } from '../../../src/channels/api/incident-schemas.js';
import type { You } from '../../../src/channels/api/you.js';
import type {
  ActionBody,
  ActionSummaryBody,
  decisionAnswerSchema,
  listSchema,
} from '../../../src/channels/api/schemas.js';

/** An action as it is shown to a person, with what they may do about it. */
export type Action = ActionBody & { you?: You };
export type ActionSummary = ActionSummaryBody;
export type { Queue } from '../../../src/channels/api/queue.js';
export type { You } from '../../../src/channels/api/you.js';
export type ActionList = z.infer<typeof listSchema>;
export type Incidents = z.infer<typeof incidentsSchema>;
export type Alarms = z.infer<typeof alarmsSchema>;
export type Freeze = z.infer<typeof freezeSchema>;
export type Freezes = z.infer<typeof freezesSchema>;
export type Debt = z.infer<typeof debtStateSchema>;
export type Debts = z.infer<typeof debtsSchema>;
export type DecisionAnswer = z.infer<typeof decisionAnswerSchema>;

/** Who is signed in, as `GET /session` tells. */
export interface Session {
  person: { id: string; name: string; groups: readonly string[] };
  signedInAtMs: number;
  authTimeMs: number | null;
  acr: string | null;
  expiresAtMs: number;
  csrf: string;
}
