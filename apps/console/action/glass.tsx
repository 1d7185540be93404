import type { Action } from '../api/types.js';
import { Named } from '../parts/people.js';
import { Section, Untrusted } from '../parts/section.js';
import { When } from '../parts/when.js';
import { useNow } from '../time/clock.js';
import { span } from '../time/words.js';
import { ReviewGlass } from './review-glass.js';

type Glass = NonNullable<Action['breakGlass']>;
type Debt = NonNullable<Glass['debt']>;

interface GlassPartProps {
  action: Action;
  reload: () => Promise<Action | undefined>;
}

/** That somebody breaks the glass, or that it was broken: by whom, why, what is owed for it, and what was found. */
export function GlassPart({ action, reload }: GlassPartProps) {
  const { breakGlass } = action;
  if (breakGlass === null || breakGlass.by.length === 0) return null;
  const { debt } = breakGlass;
  return (
    <Section {...headOf(breakGlass)}>
      <Told action={action} glass={breakGlass} />
      {breakGlass.by.map(({ person, reason, atMs }) => (
        <Untrusted key={person} whose={`${person}’s reason`}>
          <p className="prose">{reason}</p>
          <p className="small">
            <When atMs={atMs} />
          </p>
        </Untrusted>
      ))}
      {debt === null ? null : <Found debt={debt} />}
      {debt === null || debt.open.length === 0 ? null : <ReviewGlass action={action} debt={debt} reload={reload} />}
    </Section>
  );
}

function headOf({ state, debt }: Glass): { title: string; tone: 'bad' | 'good' | 'warn' } {
  switch (state) {
    case 'offered':
      return { title: 'Somebody breaks the glass', tone: 'warn' };
    case 'broken':
    case 'owed':
      return { title: 'The glass was broken', tone: 'bad' };
    case 'paid': {
      const isJustified = debt?.retrospectives.every(({ verdict }) => verdict === 'justified') === true;
      return isJustified
        ? { title: 'The glass was broken, and that was found justified', tone: 'good' }
        : { title: 'The glass was broken, and that was not found justified', tone: 'bad' };
    }
  }
}

function Told({ action, glass }: { action: Action; glass: Glass }) {
  const who = <Named names={glass.by.map(({ person }) => person)} />;
  if (glass.state === 'offered' && action.state === 'waiting')
    return (
      <p>
        {who} broke it. Once {glass.open.map(({ group, places }) => `${places} more of ${group}`).join(' and ')} has, it
        runs without the review that policy demands.
      </p>
    );
  if (glass.state === 'offered') return <p>{who} broke it; that was not enough.</p>;
  const missing = action.quorum?.open.map(({ group, places }) => `${places} of ${group}`).join(' and ') ?? '';
  return (
    <p>
      {who} broke it: it {action.state === 'done' ? 'was let run' : 'is let run'} without the review that policy demands
      {missing === '' ? '.' : `; ${missing} had not approved.`}
      {glass.debt === null && action.plan?.breakGlass !== undefined
        ? ` That is to be reviewed within ${span(action.plan.breakGlass.reviewWithinMs)}.`
        : null}
    </p>
  );
}

/** What its reviewers said, and whose word is missing. */
function Found({ debt: { open, dueAtMs, retrospectives } }: { debt: Debt }) {
  const now = useNow();
  return (
    <>
      {retrospectives.map(({ person, groups, verdict, reason, atMs }) => (
        <Untrusted
          key={person}
          whose={`${person}, for ${groups.join(' and ')}, found it ${verdict === 'justified' ? 'justified' : 'not justified'}`}
        >
          <p className="prose">{reason}</p>
          <p className="small">
            <When atMs={atMs} />
          </p>
        </Untrusted>
      ))}
      {open.length === 0 ? null : (
        <p>
          <strong>{now > dueAtMs ? 'Review overdue' : 'Review owed'}</strong> by <Named names={open} />: it{' '}
          {now > dueAtMs ? 'was' : 'is'} due <When atMs={dueAtMs} />. Until it is reviewed nobody can break the glass
          again.
        </p>
      )}
    </>
  );
}
