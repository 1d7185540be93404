import { isMap, isScalar, isSeq, LineCounter, parseDocument, visit, type Document, type Node } from 'yaml';
import type { z } from 'zod';

/** A file of a policy bundle, read once: what was hashed is what is parsed. */
export interface SourceFile {
  /** As people should see it in messages, e.g. `policies/example/directory.yaml`. */
  path: string;
  text: string;
}

/** Something wrong in a file: where (`path:line`, or `path`), and what to do about it. */
export interface Problem {
  at: string;
  message: string;
}

/** A YAML file checked against a schema. */
export interface YamlSource<T> {
  /** Null when there are problems. */
  value: T | null;
  problems: Problem[];
  /** A problem at the line of the field, or of the nearest parent that exists. */
  problem(path: readonly PropertyKey[], message: string): Problem;
}

/** One problem as a line of text. */
export function formatProblem(problem: Problem): string {
  return `${problem.at}: ${problem.message}`;
}

/** Of the fields of one map that are not known. */
const KEYS_TOLD = 50;

/** Parses a YAML file and checks it; every problem names its line. */
export function readYaml<T>(source: SourceFile, schema: z.ZodType<T>): YamlSource<T> {
  const lines = new LineCounter();
  // The library compares each key of a map with each other one: half an hour for the largest file.
  const document = parseDocument(source.text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  const at = (offset: number): string => `${source.path}:${String(lines.linePos(offset).line)}`;
  const problem = (path: readonly PropertyKey[], message: string): Problem => ({
    at: at(offsetOf(document, path)),
    message,
  });

  const faults = [...document.errors, ...document.warnings, ...repeatedKeys(document)];
  if (faults.length > 0) {
    const problems = faults.map((fault) => ({ at: at(fault.pos[0]), message: `not valid YAML: ${fault.message}` }));
    return { value: null, problems, problem };
  }
  const plain = toPlain(document);
  if (!plain.ok) return { value: null, problems: [problem([], plain.message)], problem };
  const parsed = schema.safeParse(plain.value);
  if (parsed.success) return { value: parsed.data, problems: [], problem };
  const problems = parsed.error.issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return [problem(issue.path, `${field(issue.path)}${issue.message}`)];
    return issue.keys
      .slice(0, KEYS_TOLD)
      .map((key) =>
        problem(
          [...issue.path, key],
          `${field([...issue.path, key])}is not a known field: remove it or mend its spelling`,
        ),
      );
  });
  return { value: null, problems, problem };
}

function repeatedKeys(document: Document): { pos: [number, number]; message: string }[] {
  const repeated: { pos: [number, number]; message: string }[] = [];
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        const [from, to] = key.range ?? [0, 0];
        if (seen.has(key.value)) repeated.push({ pos: [from, to], message: 'Map keys must be unique' });
        seen.add(key.value);
      }
    },
  });
  return repeated;
}

function toPlain(document: Document): { ok: true; value: unknown } | { ok: false; message: string } {
  try {
    // Anchors are for people who repeat themselves, not for growing a file without bound.
    return { ok: true, value: document.toJS({ maxAliasCount: 20 }) };
  } catch (error) {
    return { ok: false, message: `not valid YAML: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function field(path: readonly PropertyKey[]): string {
  return path.length === 0 ? '' : `${path.map(String).join('.')}: `;
}

function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  let node: unknown = document.contents;
  let offset = start(node) ?? 0;
  for (const segment of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(segment));
      if (pair === undefined) return offset;
      offset = start(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(segment)];
      offset = start(node) ?? offset;
    } else {
      return offset;
    }
  }
  return offset;
}

function start(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
