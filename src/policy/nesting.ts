import type { Problem, SourceFile } from '../directory/yaml-source.js';

// Cedar goes down one frame of its stack for each of these and has room for about 100 brackets, 300 operators, 300 `if`s or
// 400 `&&`. Beyond, it traps, and answers nothing any more for as long as the process lives.
const BRACKETS_MAX = 30;
const OPERATORS_MAX = 50;
const CONDITIONALS_MAX = 30;
const JUNCTIONS_MAX = 100;
/** Cedar's time grows with the square of what a schema declares, and doubles with each type that names another twice. */
const SCHEMA_CHARS_MAX = 32_768;

// As Cedar reads them: a comment ends at a carriage return too.
const TOKEN = /\/\/[^\n\r]*|"(?:\\[\s\S]|[^"\\])*"|&&|\|\||[A-Za-z_][A-Za-z0-9_]*|[\s\S]/g;

/**
 * Where a text of Cedar, policies or schema, nests deeper than Cedar can read. Asked before Cedar is: this text may come
 * from somebody whom nobody has approved.
 */
export function nestingFaults({ path, text }: SourceFile, kind: 'policies' | 'schema'): Problem[] {
  // In policies the last of these compare.
  const [opening, closing] = kind === 'schema' ? ['([{<', ')]}>'] : ['([{', ')]}'];
  if (kind === 'schema' && text.length > SCHEMA_CHARS_MAX)
    return [{ at: path, message: `is longer than ${String(SCHEMA_CHARS_MAX)} characters` }];
  if (kind === 'schema' && hasTypesOfTypes(text))
    return [{ at: path, message: 'declares a type out of another: write out what that stands for' }];
  // Operators that are open in each bracket around the place, from the outermost.
  let open = [0];
  let [operators, conditionals, junctions, line] = [0, 0, 0, 1];
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '\n') line += 1;
    else if (token.startsWith('"')) line += token.split('\n').length - 1;
    else if (token === ';' && open.length === 1) {
      open = [0];
      [operators, conditionals, junctions] = [0, 0, 0];
    } else if (opening.includes(token)) {
      // Also an attribute's: `context["a"]["b"]`.
      if (token === '[' && kind === 'policies') {
        operators += 1;
        open[open.length - 1] = (open.at(-1) ?? 0) + 1;
      }
      open.push(0);
    } else if (closing.includes(token) && open.length > 1) operators -= open.pop() ?? 0;
    else if (token === ',' || token === '&&' || token === '||') {
      operators -= open.at(-1) ?? 0;
      open[open.length - 1] = 0;
      if (token !== ',') junctions += 1;
    } else if ('.+-*!'.includes(token)) {
      operators += 1;
      open[open.length - 1] = (open.at(-1) ?? 0) + 1;
    } else if (token === 'if') conditionals += 1;
    const isDeep =
      open.length > BRACKETS_MAX ||
      operators > OPERATORS_MAX ||
      conditionals > CONDITIONALS_MAX ||
      junctions > JUNCTIONS_MAX;
    if (isDeep)
      return [{ at: `${path}:${String(line)}`, message: 'nests too deeply for Cedar to read: write several policies' }];
  }
  return [];
}

/** Cedar writes such types out: each that names another twice doubles it. */
function hasTypesOfTypes(text: string): boolean {
  const words = [...text.matchAll(TOKEN)].map(([token]) => token).filter((token) => /^[\w;]/.test(token));
  const declared = new Set(words.filter((_, index) => words[index - 1] === 'type'));
  let isInside = false;
  for (const [index, word] of words.entries()) {
    if (word === ';') isInside = false;
    else if (words[index - 1] === 'type') isInside = true;
    else if (isInside && declared.has(word)) return true;
  }
  return false;
}
