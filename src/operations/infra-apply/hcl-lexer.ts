/** A piece of HCL's native syntax (https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md). */
export interface Token {
  kind: 'word' | 'number' | 'template' | 'mark' | 'newline';
  /** Of a word, number or mark as written; of a template empty. */
  text: string;
  /** Of a template (string or heredoc): literal texts, and the tokens of what is interpolated between them. */
  parts?: readonly (string | readonly Token[])[];
  line: number;
}

/** What cannot be read, or could be read in two ways: the guard refuses it. */
export class UnreadableHcl extends Error {
  override readonly name = 'UnreadableHcl';
}

const MARKS = '... == != <= >= => && || { } [ ] ( ) = , . : ? ! < > + - * / %'.split(' ');
const WORD = /[A-Za-z_][A-Za-z0-9_-]*/y;
const NUMBER = /\d+(\.\d+)?([eE][+-]?\d+)?/y;
const HEREDOC = /<<-?([A-Za-z_][A-Za-z0-9_-]*)\n/y;
const SPACE = /[ \t]+|#[^\n]*|\/\/[^\n]*|\/\*[^]*?\*\//y;
const SIGNS = /[$%]+/y;
const MAX_DEPTH = 60;

interface Reader {
  text: string;
  at: number;
  depth: number;
  /** How many lines end before which place: counted on from there. */
  counted: { at: number; line: number };
}

/**
 * Reads a configuration file. Stricter than OpenTofu: what two readers could see differently is an error, so that
 * nothing can hide in a string or a comment that is none.
 * @throws UnreadableHcl
 */
export function readTokens(sent: string): Token[] {
  return readUntil(readerOf(sent), null);
}

/** Reads a file for `templatefile`: one template without quotes. Throws UnreadableHcl. */
export function readTemplate(sent: string): Token {
  const reader = readerOf(sent);
  return { kind: 'template', text: '', parts: readParts(reader, sent.length), line: 1 };
}

function readerOf(sent: string): Reader {
  const text = sent.replaceAll('\r\n', '\n');
  // eslint-disable-next-line no-control-regex -- these characters are what is looked for
  const strange = /[\u0000-\u0008\u000b-\u001f\u007f\ufeff\ufffd]/.exec(text);
  const reader = { text, at: strange?.index ?? 0, depth: 0, counted: { at: 0, line: 1 } };
  if (strange !== null) throw unreadable(reader, 'holds a control character');
  return reader;
}

/** @param end the mark that ends it (that of a template's sequence), or null for the end of the file */
function readUntil(reader: Reader, end: '}' | null): Token[] {
  if ((reader.depth += 1) > MAX_DEPTH) throw unreadable(reader, 'is nested too deeply');
  const tokens: Token[] = [];
  let braces = 0;
  for (;;) {
    match(reader, SPACE);
    if (reader.at >= reader.text.length) {
      if (end !== null) throw unreadable(reader, 'ends inside a template');
      break;
    }
    if (end !== null && braces === 0 && trimmedEnd(reader)) break;
    const token = readToken(reader);
    if (token.text === '{') braces += 1;
    if (token.text === '}') braces -= 1;
    tokens.push(token);
  }
  reader.depth -= 1;
  return tokens;
}

function trimmedEnd(reader: Reader): boolean {
  const length = reader.text.startsWith('~}', reader.at) ? 2 : Number(reader.text[reader.at] === '}');
  reader.at += length;
  return length > 0;
}

function readToken(reader: Reader): Token {
  const line = lineOf(reader);
  const start = reader.text[reader.at];
  if (start === '\n') {
    reader.at += 1;
    return { kind: 'newline', text: '\n', line };
  }
  if (start === '"') return { kind: 'template', text: '', parts: readString(reader), line };
  if (reader.text.startsWith('<<', reader.at)) return { kind: 'template', text: '', parts: readHeredoc(reader), line };
  const word = match(reader, WORD);
  if (word !== undefined) return { kind: 'word', text: word, line };
  const number = match(reader, NUMBER);
  if (number !== undefined) return { kind: 'number', text: number, line };
  const mark = MARKS.find((candidate) => reader.text.startsWith(candidate, reader.at));
  if (mark === undefined) throw unreadable(reader, 'holds a character that means nothing');
  reader.at += mark.length;
  return { kind: 'mark', text: mark, line };
}

function readString(reader: Reader): (string | Token[])[] {
  reader.at += 1;
  const parts: (string | Token[])[] = [];
  let literal = '';
  for (;;) {
    const character = reader.text[reader.at];
    if (character === undefined || character === '\n') throw unreadable(reader, 'has a string without an end');
    if (character === '"') break;
    const escaped = /\\(?:[nrt"\\]|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})/y;
    escaped.lastIndex = reader.at;
    const escape = escaped.exec(reader.text)?.[0];
    if (character === '\\') {
      if (escape === undefined) throw unreadable(reader, 'has an unknown escape');
      literal +=
        escape.length > 2
          ? String.fromCodePoint(codePointOf(escape, reader))
          : escape === '\\n'
            ? '\n'
            : escape.slice(1);
      reader.at += escape.length;
      continue;
    }
    const sequence = readSequence(reader);
    if (sequence === undefined) {
      literal += character;
      reader.at += 1;
    } else if (typeof sequence === 'string') literal += sequence;
    else {
      parts.push(literal, sequence);
      literal = '';
    }
  }
  reader.at += 1;
  return [...parts, literal];
}

function codePointOf(escape: string, reader: Reader): number {
  const codePoint = Number.parseInt(escape.slice(2), 16);
  if (codePoint > 0x10ffff) throw unreadable(reader, 'has an unknown escape');
  return codePoint;
}

function readHeredoc(reader: Reader): (string | Token[])[] {
  const opening = match(reader, HEREDOC);
  if (opening === undefined) throw unreadable(reader, 'begins a heredoc that cannot be read');
  const marker = opening.replace(/^<<-?/, '').trimEnd();
  const lines = reader.text.slice(reader.at).split('\n');
  let end = reader.at;
  for (const content of lines) {
    // A line that only looks like the end would be it for one reader and not for another.
    if (content.trim() === marker) {
      if (content.trimEnd() !== content) throw unreadable(reader, 'ends a heredoc with a space');
      const parts = readParts(reader, end);
      reader.at = end + content.length;
      return parts;
    }
    end += content.length + 1;
  }
  throw unreadable(reader, 'has a heredoc without an end');
}

function readParts(reader: Reader, end: number): (string | Token[])[] {
  const parts: (string | Token[])[] = [];
  let literal = '';
  while (reader.at < end) {
    const sequence = readSequence(reader);
    if (sequence === undefined) {
      literal += reader.text[reader.at] ?? '';
      reader.at += 1;
    } else if (typeof sequence === 'string') literal += sequence;
    else {
      parts.push(literal, sequence);
      literal = '';
    }
  }
  if (reader.at !== end) throw unreadable(reader, 'has a template that goes on beyond its end');
  return [...parts, literal];
}

/** `${…}` or `%{…}` as tokens, other signs of templates as text; undefined where there is neither. */
function readSequence(reader: Reader): Token[] | string | undefined {
  const { text, at } = reader;
  const signs = match(reader, SIGNS);
  if (signs === undefined || text[reader.at] !== '{') return signs;
  reader.at += 1;
  if (signs.length === 1) {
    if (text[reader.at] === '~') reader.at += 1;
    return readUntil(reader, '}');
  }
  // `$${` stands for the characters `${`; any other row of them could be read in two ways.
  if (signs !== '$$' && signs !== '%%') throw unreadable(reader, 'has a row of template signs');
  return text.slice(at + 1, at + 3);
}

function match(reader: Reader, pattern: RegExp): string | undefined {
  let whole: string | undefined;
  for (;;) {
    pattern.lastIndex = reader.at;
    const found = pattern.exec(reader.text)?.[0];
    if (found === undefined) return whole;
    reader.at += found.length;
    whole = (whole ?? '') + found;
    if (pattern !== SPACE) return whole;
  }
}

function unreadable(reader: Reader, what: string): UnreadableHcl {
  return new UnreadableHcl(`line ${String(lineOf(reader))} ${what}`);
}

function lineOf({ text, at, counted }: Reader): number {
  for (let end = text.indexOf('\n', counted.at); end !== -1 && end < at; end = text.indexOf('\n', counted.at)) {
    counted.at = end + 1;
    counted.line += 1;
  }
  return counted.line;
}
