import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Changes } from '../../../record/changes.js';
import type { Record as ActionRecord } from '../../../record/record.js';
import { AGENT, PERSON, SESSION, WORKLOAD } from '../api-description.js';
import type { EventStreams, Stream } from '../event-streams.js';
import type { Sessions } from '../page/sessions.js';
import { nameOf, requireSight, type Principal } from '../principals.js';
import { createQueueFeed } from '../queue-feed.js';
import { createQueueRevisions } from '../queue.js';
import { withProblems, type Identify } from '../route-parts.js';
import { actionParamsSchema } from '../schemas.js';
import type { Watch } from '../watch.js';
import type { Judging } from '../you.js';

export interface EventRoutesOptions extends Judging {
  record: Pick<ActionRecord, 'listActions' | 'ofActions'>;
  watch: Watch;
  changes: Changes;
  streams: EventStreams;
  sessions: Pick<Sessions, 'isOpen'>;
  identify: Identify;
}

/** Whoever comes by a token shows it again after this; a session's stream lasts as long as the session. */
const TOKEN_STREAM_MS = 10 * 60_000;

const answer = {
  200: { description: 'Server-sent events', content: { 'text/event-stream': { schema: z.string() } } },
};
const description =
  '`event: change` with `id` and `data: {"revision":…}`: the present revision at once, then each new one. A comment every 15 s. ' +
  '`Last-Event-ID` leaves out what is known. At most 12 streams a person; a stream by a token ends after ten minutes.';

/** Tells of changes by server-sent events, so that nobody need ask again and again. */
export function eventRoutes(scope: FastifyInstance, options: EventRoutesOptions): void {
  const { record, watch, changes, streams, identify, policy } = options;
  const routes = scope.withTypeProvider<ZodTypeProvider>();
  const queues = createQueueFeed(record, changes);
  const revisionFor = createQueueRevisions(options);

  routes.get(
    '/actions/:actionId/events',
    {
      onRequest: identify.either,
      schema: {
        operationId: 'followAction',
        summary: 'Be told when an action changes',
        description,
        tags: ['actions'],
        security: [PERSON, SESSION, AGENT, WORKLOAD],
        params: actionParamsSchema,
        response: withProblems(answer),
      },
    },
    async (request, reply) => {
      const { actionId } = request.params;
      const principal = identify.of(request);
      const standing = await watch.look(actionId);
      requireSight(principal, standing?.view);
      const subscribe: Stream['subscribe'] = (push) => {
        const stop = watch.follow(actionId, (now) => {
          if (now !== undefined) push(now.revision);
        });
        if (standing !== undefined) push(standing.revision);
        return stop;
      };
      return streams.serve(request, reply, streamOf(principal, subscribe, options));
    },
  );

  routes.get(
    '/queue/events',
    {
      onRequest: identify.person,
      schema: {
        operationId: 'followQueue',
        summary: 'Be told when what waits for you changes',
        description,
        tags: ['decisions'],
        security: [PERSON, SESSION],
        response: withProblems(answer),
      },
    },
    async (request, reply) => {
      const who = identify.personOf(request);
      const subscribe: Stream['subscribe'] = (push, end) =>
        queues.follow((open) => {
          const isListed = policy().directory.personByOidcSubject(who.subject) !== undefined;
          if (isListed) push(revisionFor(open, who));
          else end();
        });
      return streams.serve(request, reply, streamOf(who, subscribe, options));
    },
  );
}

/** A stream that lasts as long as whoever holds it may see. */
function streamOf(principal: Principal, subscribe: Stream['subscribe'], options: EventRoutesOptions): Stream {
  const { policy, clock, sessions, changes } = options;
  if (principal.kind === 'agent') {
    const isAllowed = (): Promise<boolean> => Promise.resolve(policy().directory.agent(principal.agent) !== undefined);
    return { who: nameOf(principal), untilMs: clock() + TOKEN_STREAM_MS, isAllowed, subscribe };
  }
  const { subject, session, person } = principal;
  return {
    // One human, by whatever account.
    who: `person/${policy().directory.canonical(person.id)}`,
    untilMs: session?.expiresAtMs ?? clock() + TOKEN_STREAM_MS,
    isAllowed: async () =>
      policy().directory.personByOidcSubject(subject) !== undefined &&
      (session === null || (await sessions.isOpen(session))),
    subscribe: (push, end) => {
      const stop = subscribe(push, end);
      const stopSession = changes.subscribe((change) => {
        if (change.kind === 'session' && change.sessionId === session?.id) end();
      });
      return () => {
        stop();
        stopSession();
      };
    },
  };
}
