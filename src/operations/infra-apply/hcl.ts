import { readTokens, UnreadableHcl, type Token } from './hcl-lexer.js';

/** The content of a file or a block. */
export interface Body {
  attributes: readonly Attribute[];
  blocks: readonly Block[];
}

export interface Attribute {
  name: string;
  expression: readonly Token[];
  line: number;
}

export interface Block {
  type: string;
  labels: readonly string[];
  body: Body;
  line: number;
}

/** Reads a configuration file's structure; expressions stay tokens. Throws UnreadableHcl. */
export function readHcl(text: string): Body {
  const cursor = { tokens: readTokens(text), at: 0 };
  const body = readBody(cursor, 0);
  if (cursor.at < cursor.tokens.length) throw unreadable(cursor, 'closes a block that is not open');
  return body;
}

/** The text of a string without interpolation; undefined for anything else. */
export function literalOf(expression: readonly Token[]): string | undefined {
  const [token, ...more] = expression.filter(({ kind }) => kind !== 'newline');
  if (token?.kind !== 'template' || more.length > 0 || token.parts?.length !== 1) return undefined;
  const [part] = token.parts;
  return typeof part === 'string' ? part : undefined;
}

/** Visits every token, those inside templates too, each with the tokens beside it. */
export function visitTokens(
  tokens: readonly Token[],
  visit: (token: Token, index: number, all: readonly Token[]) => void,
): void {
  for (const [index, token] of tokens.entries()) {
    visit(token, index, tokens);
    for (const part of token.parts ?? []) if (typeof part !== 'string') visitTokens(part, visit);
  }
}

interface Cursor {
  tokens: readonly Token[];
  at: number;
}

function readBody(cursor: Cursor, depth: number): Body {
  if (depth > 40) throw unreadable(cursor, 'is nested too deeply');
  const attributes: Attribute[] = [];
  const blocks: Block[] = [];
  for (;;) {
    while (cursor.tokens[cursor.at]?.kind === 'newline') cursor.at += 1;
    const token = cursor.tokens[cursor.at];
    if (token === undefined || token.text === '}') return { attributes, blocks };
    if (token.kind !== 'word') throw unreadable(cursor, 'begins with no name');
    cursor.at += 1;
    if (isMark(cursor, '=')) {
      cursor.at += 1;
      attributes.push({ name: token.text, expression: readExpression(cursor), line: token.line });
    } else {
      blocks.push(readBlock(cursor, token, depth));
    }
  }
}

function readBlock(cursor: Cursor, { text: type, line }: Token, depth: number): Block {
  const labels: string[] = [];
  while (!isMark(cursor, '{')) {
    const token = cursor.tokens[cursor.at];
    const label = token?.kind === 'word' ? token.text : token === undefined ? undefined : literalOf([token]);
    if (label === undefined) throw unreadable(cursor, 'has a label that is no plain text');
    labels.push(label);
    cursor.at += 1;
  }
  cursor.at += 1;
  const body = readBody(cursor, depth + 1);
  if (!isMark(cursor, '}')) throw unreadable(cursor, 'has a block without an end');
  cursor.at += 1;
  return { type, labels, body, line };
}

/** Up to the end of the line, or of a block on one line; what stands in brackets may span lines. */
function readExpression(cursor: Cursor): Token[] {
  const from = cursor.at;
  const open: string[] = [];
  for (; ; cursor.at += 1) {
    const token = cursor.tokens[cursor.at];
    if (token === undefined || (open.length === 0 && (token.kind === 'newline' || token.text === '}'))) break;
    if (token.kind !== 'mark') continue;
    const closing = { '{': '}', '[': ']', '(': ')' }[token.text];
    if (closing !== undefined) open.push(closing);
    else if (['}', ']', ')'].includes(token.text) && open.pop() !== token.text)
      throw unreadable(cursor, 'mixes brackets up');
  }
  if (open.length > 0 || cursor.at === from) throw unreadable(cursor, 'has a value without an end');
  return cursor.tokens.slice(from, cursor.at);
}

function isMark({ tokens, at }: Cursor, text: string): boolean {
  return tokens[at]?.kind === 'mark' && tokens[at].text === text;
}

function unreadable({ tokens, at }: Cursor, what: string): UnreadableHcl {
  return new UnreadableHcl(`line ${String(tokens[at]?.line ?? tokens.at(-1)?.line ?? 1)} ${what}`);
}
