/**
 * The part of HCL 1 that Vault's policies are written in, and JSON, which Vault reads as HCL too. Stricter than Vault on
 * purpose: no heredocs, no interpolation, no invisible characters, nothing left to guess.
 * Grammar: https://github.com/hashicorp/hcl/blob/hcl1/README.md.
 */
export type HclValue =
  | { kind: 'scalar'; value: string | number | boolean }
  | { kind: 'list'; items: HclValue[] }
  | { kind: 'object'; entries: HclEntry[] };

/** `key = value`, or `key "label" { … }`, whose keys are then two. */
export interface HclEntry {
  keys: string[];
  /** Where it begins, counted from 1. */
  line: number;
  value: HclValue;
}

/** What is wrong with a text; names the line. */
export class HclFault extends Error {
  override readonly name = 'HclFault';
}

interface Token {
  kind: 'string' | 'word' | 'number' | 'sign' | 'end';
  text: string;
  line: number;
}

const MAX_DEPTH = 8;

/** @throws HclFault */
export function parseHcl(text: string): HclEntry[] {
  const reader = createReader(tokensOf(text));
  if (text.trimStart().startsWith('{')) {
    const value = readObject(reader, 0, true);
    expectEnd(reader);
    return value.entries;
  }
  const entries: HclEntry[] = [];
  while (reader.peek().kind !== 'end') entries.push(readEntry(reader, 0, false));
  return entries;
}

interface Reader {
  peek(): Token;
  next(): Token;
}

function createReader(tokens: readonly Token[]): Reader {
  let position = 0;
  const at = (): Token => tokens[position] ?? { kind: 'end', text: '', line: tokens.at(-1)?.line ?? 1 };
  return {
    peek: at,
    next() {
      const token = at();
      position += 1;
      return token;
    },
  };
}

function readEntry(reader: Reader, depth: number, isJson: boolean): HclEntry {
  const first = reader.next();
  if (first.kind !== 'string' && (isJson || first.kind !== 'word')) fail(first, 'a name is expected');
  const keys = [first.text];
  while (!isJson && reader.peek().kind === 'string') keys.push(reader.next().text);
  const sign = reader.peek();
  if (sign.kind === 'sign' && sign.text === '{' && !isJson)
    return { keys, line: first.line, value: readObject(reader, depth + 1, false) };
  if (sign.kind !== 'sign' || sign.text !== (isJson ? ':' : '=')) fail(sign, `${isJson ? ':' : '= or {'} is expected`);
  if (keys.length > 1) fail(sign, 'a labelled block has no =');
  reader.next();
  return { keys, line: first.line, value: readValue(reader, depth + 1, isJson) };
}

function readObject(reader: Reader, depth: number, isJson: boolean): Extract<HclValue, { kind: 'object' }> {
  const open = reader.next();
  if (depth > MAX_DEPTH) fail(open, 'it is nested too deeply');
  const entries: HclEntry[] = [];
  for (;;) {
    if (takes(reader, '}')) return { kind: 'object', entries };
    entries.push(readEntry(reader, depth, isJson));
    // HCL needs no comma between entries, JSON does and has none after the last.
    const hasComma = takes(reader, ',');
    if (isJson && hasComma === isSign(reader.peek(), '}')) fail(reader.peek(), 'a comma is missing, or one too many');
  }
}

function readValue(reader: Reader, depth: number, isJson: boolean): HclValue {
  const token = reader.peek();
  if (isSign(token, '{')) return readObject(reader, depth, isJson);
  if (isSign(token, '[')) return readList(reader, depth, isJson);
  reader.next();
  switch (token.kind) {
    case 'string':
      return { kind: 'scalar', value: token.text };
    case 'number':
      return { kind: 'scalar', value: Number(token.text) };
    case 'word':
      if (token.text === 'true' || token.text === 'false') return { kind: 'scalar', value: token.text === 'true' };
      return fail(token, `"${token.text}" is no value: quote texts`);
    case 'sign':
    case 'end':
      return fail(token, 'a value is expected');
  }
}

function readList(reader: Reader, depth: number, isJson: boolean): HclValue {
  const open = reader.next();
  if (depth > MAX_DEPTH) fail(open, 'it is nested too deeply');
  const items: HclValue[] = [];
  for (;;) {
    if (takes(reader, ']')) return { kind: 'list', items };
    items.push(readValue(reader, depth + 1, isJson));
    if (takes(reader, ',')) {
      if (isJson && isSign(reader.peek(), ']')) fail(reader.peek(), 'a comma too many');
    } else if (!isSign(reader.peek(), ']')) fail(reader.peek(), 'a comma or ] is expected');
  }
}

function expectEnd(reader: Reader): void {
  const token = reader.peek();
  if (token.kind !== 'end') fail(token, 'something follows the end');
}

function takes(reader: Reader, sign: string): boolean {
  const found = isSign(reader.peek(), sign);
  if (found) reader.next();
  return found;
}

function isSign(token: Token, sign: string): boolean {
  return token.kind === 'sign' && token.text === sign;
}

// In this order: blanks and comments, texts, numbers, words, signs.
const TOKEN =
  /(?<blank>[ \t\r\n]+|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/)|(?<string>"(?:[^"\\\n]|\\.)*")|(?<number>-?\d{1,15}(?:\.\d{1,15})?(?![\w.]))|(?<word>[A-Za-z_][A-Za-z0-9_-]*)|(?<sign>[{}[\]=:,])/y;

function tokensOf(text: string): Token[] {
  const hidden = /(?![\t\r\n])[\p{C}\u2028\u2029]/u.exec(text);
  if (hidden !== null) throw new HclFault(`line ${String(lineAt(text, hidden.index))}: an invisible character`);
  const tokens: Token[] = [];
  let line = 1;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const start = TOKEN.lastIndex;
    const groups = TOKEN.exec(text)?.groups;
    if (groups === undefined)
      throw new HclFault(`line ${String(line)}: ${JSON.stringify(text[start])} is not expected`);
    const token = tokenOf(groups, line);
    if (token !== null) tokens.push(token);
    line += text.slice(start, TOKEN.lastIndex).split('\n').length - 1;
  }
  tokens.push({ kind: 'end', text: '', line });
  return tokens;
}

function tokenOf(groups: Partial<Record<string, string>>, line: number): Token | null {
  const { string, number, word, sign } = groups;
  if (string !== undefined) return { kind: 'string', text: unquoted(string, line), line };
  if (number !== undefined) return { kind: 'number', text: number, line };
  if (word !== undefined) return { kind: 'word', text: word, line };
  return sign === undefined ? null : { kind: 'sign', text: sign, line };
}

/** HCL's escapes are more than JSON's: those that mean the same in both are enough. */
function unquoted(string: string, line: number): string {
  let text: unknown;
  try {
    text = JSON.parse(string);
  } catch {
    throw new HclFault(`line ${String(line)}: an escape that is not known`);
  }
  if (typeof text !== 'string' || /[\p{C}\u2028\u2029]/u.test(text))
    throw new HclFault(`line ${String(line)}: an invisible character`);
  if (text.includes('${')) throw new HclFault(`line ${String(line)}: "\${" is read as interpolation`);
  return text;
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}

function fail(token: Token, because: string): never {
  throw new HclFault(`line ${String(token.line)}: ${because}`);
}
