import { z } from 'zod';
import { normaliseBaseUrl } from '../../../src/client/base-url.js';
import { Refusal } from '../../../src/core/errors.js';
import { insecureMessage } from '../connect.js';
import { failed, ok, reasonOf, skipped, unreachable, type Finding } from './finding.js';

const ADVICE = 'Start it, or mend COUNTERSIGN_GATEWAY_URL.';
const TIMEOUT_MS = 10_000;
const readySchema = z.object({ services: z.array(z.object({ name: z.string(), ok: z.boolean() })) });

/** Is the gateway there, and does it have what it needs? */
export async function checkGateway(url: string | undefined, insecureHttp: boolean): Promise<Finding[]> {
  const what = 'Gateway';
  if (url === undefined) return [skipped(what, '--gateway or COUNTERSIGN_GATEWAY_URL')];
  try {
    const base = normaliseBaseUrl(url, { insecureHttp });
    // Another server may send elsewhere what it does not know: that is an answer too, though not a gateway's.
    const answer = await fetch(`${base}/readyz`, { redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) });
    const ready = readySchema.safeParse(await answer.json().catch(() => undefined)).data;
    if (ready === undefined) return [failed(what, `${base} does not answer as a gateway does`, ADVICE)];
    if (answer.ok) return [ok(what, `${base} is ready`)];
    const away = ready.services.filter((service) => !service.ok).map(({ name }) => name);
    return [failed(what, `${base} cannot reach ${away.join(', ')}`, 'See the checks below, and its log.')];
  } catch (error) {
    const isInsecure = error instanceof Refusal && error.field === 'insecureHttp';
    if (isInsecure) return [failed(what, insecureMessage(url), ADVICE)];
    return [unreachable(what, `${url} cannot be reached (${reasonOf(error)})`, ADVICE)];
  }
}
