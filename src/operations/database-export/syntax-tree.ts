/** A node of the server's parse tree, as libpg_query prints it: `{ "SelectStmt": { … } }`, its own fields in lower case. */
export type TreeObject = Record<string, unknown>;

export function isTreeObject(value: unknown): value is TreeObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Items of a list field; an absent list is empty. */
export function listOf(value: unknown): TreeObject[] {
  return Array.isArray(value) ? value.filter(isTreeObject) : [];
}

/** Content of a node of type `tag`, else undefined. */
export function nodeOf(value: unknown, tag: string): TreeObject | undefined {
  if (!isTreeObject(value)) return undefined;
  const content = value[tag];
  return isTreeObject(content) ? content : undefined;
}

/** Texts of a list of String nodes; a star counts as `*`. */
export function namesOf(value: unknown): string[] {
  return listOf(value).map((item) =>
    nodeOf(item, 'A_Star') === undefined ? textOf(nodeOf(item, 'String')?.['sval']) : '*',
  );
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Visits every node that carries a type, outermost first. */
export function visitNodes(value: unknown, visit: (tag: string, content: TreeObject) => void): void {
  if (Array.isArray(value)) {
    for (const item of value) visitNodes(item, visit);
    return;
  }
  if (!isTreeObject(value)) return;
  for (const [key, content] of Object.entries(value)) {
    // Two fields hold a SELECT without its type, the halves of a set operation.
    if (/^[A-Z]/.test(key) && isTreeObject(content)) visit(key, content);
    else if (isTreeObject(content) && content['op'] !== undefined && (key === 'larg' || key === 'rarg'))
      visit('SelectStmt', content);
    visitNodes(content, visit);
  }
}
