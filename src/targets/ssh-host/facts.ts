import { ServiceFault } from '../../core/errors.js';

/** What a host says of itself and of the programs that a command names. Untrusted text. */
export interface HostFacts {
  user: string;
  uid: number;
  groups: string[];
  hostName: string;
  system: string;
  /** The user's login shell, which reads the forced command. */
  shell: string;
  programs: ProgramFacts[];
}

export type ProgramFacts =
  | { path: string; found: false }
  | {
      path: string;
      found: true;
      /** Where the path leads through symbolic links. */
      real: string;
      /** e.g. `root:root 755` */
      owner: string;
      /** Whether the user itself may change it, or what lies in its place. */
      writable: boolean;
      /** SHA-256, lower-case hex; null when the user may not read it. */
      sha256: string | null;
    };

/** Parses what `tell_facts` printed. @throws ServiceFault `target` for anything else. */
export function parseFacts(name: string, lines: readonly string[]): HostFacts {
  const rows = lines.map((line) => line.split('\t'));
  const only = (label: string, fields: number): string[] => {
    const found = rows.filter(([first]) => first === label);
    const [row] = found;
    if (found.length !== 1 || row?.length !== fields + 1) throw malformed(name);
    return row.slice(1);
  };
  const [user = '', uid = ''] = only('user', 2);
  const programs = rows.flatMap((row) => parseProgram(name, row));
  const known = programs.length + 5;
  if (rows.length !== known || !/^\d{1,10}$/.test(uid)) throw malformed(name);
  return {
    user,
    uid: Number(uid),
    groups: (only('groups', 1)[0] ?? '').split(' '),
    hostName: only('host', 1)[0] ?? '',
    system: only('system', 1)[0] ?? '',
    shell: only('shell', 1)[0] ?? '',
    programs,
  };
}

function parseProgram(name: string, row: readonly string[]): ProgramFacts[] {
  const [label, path = '', real = '', owner = '', open, sha256 = ''] = row;
  if (label === 'missing' && row.length === 2) return [{ path, found: false }];
  if (label !== 'program') return [];
  // A name with a tab or a line feed in it: nothing is to be guessed from that.
  if (row.length !== 6 || (open !== 'yes' && open !== 'no')) throw malformed(name);
  const digest = /^[0-9a-f]{64}$/.test(sha256) ? sha256 : null;
  return [{ path, found: true, real, owner, writable: open === 'yes', sha256: digest }];
}

function malformed(name: string): ServiceFault {
  return new ServiceFault('target', `${name} told of itself in a form that is not known.`, false);
}
