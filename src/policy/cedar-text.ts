/** One policy of a Cedar file, as written. */
export interface CedarStatement {
  /** Verbatim, from its first annotation or keyword to its semicolon. */
  text: string;
  /** Line of its first character, from 1. */
  line: number;
  /** Line of each annotation, by name. */
  annotationLines: Map<string, number>;
}

const TOKEN = /\/\/[^\n]*|"(?:\\[\s\S]|[^"\\])*"|@\s*[A-Za-z_][A-Za-z0-9_]*|;|\s+|[^\s;"@/]+|[\s\S]/g;

/**
 * Splits the text of a file that Cedar itself has parsed. Cedar's own `policySetTextToParts` loses the order and the
 * place of policies, and searching for its parts finds copies in comments.
 */
export function splitPolicies(text: string): CedarStatement[] {
  const statements: CedarStatement[] = [];
  let line = 1;
  let begin: { offset: number; line: number; annotationLines: Map<string, number> } | null = null;
  for (const match of text.matchAll(TOKEN)) {
    const token = match[0];
    const isBlank = token.startsWith('//') || token.trim() === '';
    if (!isBlank) {
      begin ??= { offset: match.index, line, annotationLines: new Map() };
      if (token.length > 1 && token.startsWith('@')) begin.annotationLines.set(token.slice(1).trim(), line);
      if (token === ';') {
        statements.push({
          text: text.slice(begin.offset, match.index + 1),
          line: begin.line,
          annotationLines: begin.annotationLines,
        });
        begin = null;
      }
    }
    line += countNewlines(token);
  }
  return statements;
}

/** The line of a byte offset in a text, from 1; Cedar counts bytes of UTF-8. */
export function lineAtByte(text: string, byteOffset: number): number {
  return 1 + countNewlines(Buffer.from(text, 'utf8').subarray(0, byteOffset).toString('utf8'));
}

function countNewlines(text: string): number {
  return text.split('\n').length - 1;
}
