import { z } from 'zod';

/** Who may assume a role. */
export interface Trust {
  /** Anybody at all; `conditional` when only under a condition. */
  anyone: 'no' | 'conditional' | 'yes';
  /** ARNs, account ids, services as the document writes them, of statements that allow. */
  principals: string[];
}

const trustSchema = z.object({ Statement: z.union([z.unknown().array(), z.looseObject({})]) });
const principalsSchema = z.union([z.string(), z.record(z.string(), z.union([z.string(), z.array(z.string())]))]);
const statementSchema = z.looseObject({
  Effect: z.enum(['Allow', 'Deny']),
  Principal: principalsSchema.optional(),
  NotPrincipal: z.unknown().optional(),
  Condition: z.unknown().optional(),
});

/** Reads a role's trust policy; what it does not understand counts as anyone. */
export function parseTrust(document: unknown): Trust {
  const parsed = trustSchema.safeParse(document);
  if (!parsed.success) return { anyone: 'yes', principals: [] };
  const trust: Trust = { anyone: 'no', principals: [] };
  for (const one of [parsed.data.Statement].flat()) {
    const statement = statementSchema.safeParse(one);
    if (!statement.success) return { anyone: 'yes', principals: trust.principals };
    const { Effect, Principal, NotPrincipal, Condition } = statement.data;
    if (Effect === 'Deny') continue;
    const named = typeof Principal === 'string' ? [Principal] : Object.values(Principal ?? {}).flat();
    const isAnyone = named.includes('*') || NotPrincipal !== undefined;
    if (isAnyone && trust.anyone !== 'yes') trust.anyone = Condition === undefined ? 'yes' : 'conditional';
    trust.principals.push(...named);
  }
  return { ...trust, principals: [...new Set(trust.principals)].sort() };
}
