import { readFile } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import type { Refusal } from '../../core/errors.js';
import { readTemplate, UnreadableHcl, type Token } from './hcl-lexer.js';
import { visitTokens, type Body } from './hcl.js';
import { isInside, type SourceTree } from './source-tree.js';

/** Functions that read files: their first argument is a path. */
const READS_FILES = new Set([
  'file',
  'filebase64',
  'filebase64sha256',
  'filebase64sha512',
  'fileexists',
  'filemd5',
  'fileset',
  'filesha1',
  'filesha256',
  'filesha512',
  'templatefile',
]);

const FORBIDDEN: Readonly<Record<string, string | undefined>> = {
  templatestring: 'templatestring() runs a text that is only known later',
  plantimestamp: 'with plantimestamp() no two plans are the same: what was approved could never be applied',
};

interface Place {
  tree: SourceTree;
  folder: string;
  refuse(line: number, what: string): Refusal;
}

/** Refuses functions that read outside of the configuration, and those whose reading cannot be told beforehand. */
export async function checkExpressions(body: Body, place: Place): Promise<void> {
  const templates: { path: string; line: number }[] = [];
  for (const { expression } of body.attributes) checkTokens(expression, place, templates);
  for (const { path, line } of templates) await checkTemplate(path, line, place);
  for (const block of body.blocks) await checkExpressions(block.body, place);
}

function checkTokens(tokens: readonly Token[], place: Place, templates: { path: string; line: number }[]): void {
  visitTokens(tokens, (token, index, all) => {
    if (token.kind !== 'word' || all.slice(index + 1).find(({ kind }) => kind !== 'newline')?.text !== '(') return;
    const why = FORBIDDEN[token.text];
    if (why !== undefined) throw place.refuse(token.line, why);
    if (!READS_FILES.has(token.text)) return;
    const [path, pattern] = argumentsOf(all, index + 2);
    const inside = path === undefined ? undefined : pathOf(path, place);
    if (inside === undefined)
      throw place.refuse(
        token.line,
        `${token.text}() must name a file of the configuration literally, e.g. "\${path.module}/policy.json"`,
      );
    if (token.text === 'fileset' && !/^(?!\/)(?!(?:.*\/)?\.\.(?:\/|$))[^\\]+$/.test(textOf(pattern) ?? ''))
      throw place.refuse(token.line, 'fileset() must have a literal pattern that stays inside its folder');
    if (token.text === 'templatefile') templates.push({ path: inside, line: token.line });
  });
}

/** What a template's own expressions read. */
async function checkTemplate(path: string, line: number, place: Place): Promise<void> {
  let template: Token;
  try {
    const bytes = await readFile(join(place.tree.root, path)).catch(() => undefined);
    if (bytes === undefined) throw place.refuse(line, `the template ${path} is not in the configuration`);
    template = readTemplate(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    if (error instanceof UnreadableHcl || error instanceof TypeError)
      throw place.refuse(line, `the template ${path} cannot be read`);
    throw error;
  }
  visitTokens([template], (token, index, all) => {
    if (token.kind !== 'word' || all[index + 1]?.text !== '(') return;
    if (FORBIDDEN[token.text] !== undefined || READS_FILES.has(token.text))
      throw place.refuse(line, `the template ${path} calls ${token.text}(): give it what it needs as a variable`);
  });
}

/** Tokens of each argument of a call, from behind its bracket. */
function argumentsOf(tokens: readonly Token[], from: number): Token[][] {
  const found: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens.slice(from)) {
    if (depth === 0 && token.text === ')') break;
    if (['(', '[', '{'].includes(token.text)) depth += 1;
    if ([')', ']', '}'].includes(token.text)) depth -= 1;
    if (depth === 0 && token.text === ',') found.push([]);
    else if (token.kind !== 'newline') found.at(-1)?.push(token);
  }
  return found;
}

/** The path from the root of the configuration; undefined when it is not literal, or leaves it. */
function pathOf(tokens: readonly Token[], { tree, folder }: Place): string | undefined {
  const [token, ...more] = tokens;
  // Both `path.module` and "${path.module}/…" are usual.
  const parts =
    token?.kind === 'template' && more.length === 0 ? (token.parts ?? []).filter((part) => part !== '') : [tokens];
  const [first, ...rest] = parts;
  const reference = typeof first === 'string' || first === undefined ? null : first.map(({ text }) => text).join('');
  if (reference !== null && !['path.module', 'path.root', 'path.cwd'].includes(reference)) return undefined;
  const [literal = '', ...others] = reference === null ? parts : rest;
  if (typeof literal !== 'string' || others.length > 0 || /\\|\0|^~/.test(literal)) return undefined;
  if (reference !== null && literal !== '' && !literal.startsWith('/')) return undefined;
  if (reference === null && literal.startsWith('/')) return undefined;
  const path = normalize(`./${literal}`);
  if (reference === 'path.module') {
    const inTree = normalize(join(folder, path));
    return isInside(inTree) ? inTree : undefined;
  }
  // From where OpenTofu runs, the root module: for a fetched module that is in another tree, so there is no way up.
  return isInside(path) ? normalize(join(tree.folder, path)) : undefined;
}

function textOf(tokens: readonly Token[] | undefined): string | undefined {
  const [token, ...more] = tokens ?? [];
  const [part, ...others] = token?.parts ?? [];
  return more.length === 0 && others.length === 0 && typeof part === 'string' ? part : undefined;
}
