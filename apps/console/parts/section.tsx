import { useId, type ReactNode } from 'react';

interface SectionProps {
  title: string;
  /** Beside the title: a count, a button. */
  beside?: ReactNode;
  tone?: 'bad' | 'good' | 'warn';
  children: ReactNode;
}

/** A part of a page with a heading of its own. */
export function Section({ title, beside, tone, children }: SectionProps) {
  const id = useId();
  return (
    <section className={tone === undefined ? 'section' : `section section-${tone}`} aria-labelledby={id}>
      <div className="section-head">
        <h2 id={id}>{title}</h2>
        {beside}
      </div>
      {children}
    </section>
  );
}

/** Names and what they stand for. */
export function Facts({ rows }: { rows: readonly (readonly [label: string, value: ReactNode])[] }) {
  return (
    <dl className="facts">
      {rows.map(([label, value], index) => (
        <div key={`${index} ${label}`}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** What somebody else wrote: marked as such, and only ever text. */
export function Untrusted({ whose, children }: { whose: string; children: ReactNode }) {
  return (
    <figure className="untrusted">
      <figcaption>{whose}: not verified, shown as sent</figcaption>
      {children}
    </figure>
  );
}
