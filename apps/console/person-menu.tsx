import { useState } from 'react';
import { useSession } from './api/session.js';
import { When } from './parts/when.js';

/** Who is signed in, since when, and the way out. */
export function PersonMenu() {
  const { session, signOut } = useSession();
  const { person, signedInAtMs, expiresAtMs } = session;
  const [failed, setFailed] = useState(false);
  const leave = async () => {
    try {
      await signOut();
    } catch {
      setFailed(true);
    }
  };
  return (
    <details className="person">
      <summary>
        <span className="unseen">Signed in as </span>
        {person.name}
      </summary>
      <div className="person-sheet">
        <p>
          <strong>{person.name}</strong> <span className="small">({person.id})</span>
        </p>
        <p className="small">{person.groups.length === 0 ? 'In no group.' : `In ${person.groups.join(', ')}.`}</p>
        <p className="small">
          Signed in <When atMs={signedInAtMs} />. The session ends <When atMs={expiresAtMs} />.
        </p>
        {failed ? <p role="alert">The sign-out did not reach the gateway. Try again.</p> : null}
        <button type="button" onClick={() => void leave()}>
          Sign out
        </button>
      </div>
    </details>
  );
}
