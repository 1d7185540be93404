import type { Severity } from '../../../src/core/schemas/action.js';

/** How grave: by word, shape and colour, so that none of them has to be seen. */
export function SeverityMark({ severity }: { severity: Severity }) {
  return (
    <span className={`severity severity-${severity}`}>
      <svg className="shape" viewBox="0 0 16 16" aria-hidden="true">
        <Shape severity={severity} />
      </svg>
      {severity}
    </span>
  );
}

function Shape({ severity }: { severity: Severity }) {
  switch (severity) {
    case 'critical':
      return (
        <>
          <path d="M5 1h6l4 4v6l-4 4H5l-4-4V5z" fill="currentColor" />
          <path className="shape-mark" d="M8 4v5M8 11.2v.8" />
        </>
      );
    case 'high':
      return (
        <>
          <path d="M8 1.2 15.4 14.5H.6z" fill="currentColor" />
          <path className="shape-mark" d="M8 6v4M8 12v.7" />
        </>
      );
    case 'medium':
      return <path d="M8 1.2 14.8 8 8 14.8 1.2 8z" fill="currentColor" />;
    case 'low':
      return <path d="M3 3h10v10H3z" fill="none" stroke="currentColor" strokeWidth="2" />;
    case 'info':
      return <circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" strokeWidth="2" />;
  }
}
