/**
 * A name from the target as people may be shown it. Identifiers can hold any character: invisible and formatting ones
 * are written as \u{…}, so that no name can hide or turn the text around it. Markup is escaped by each channel.
 */
export function nameForPeople(name: string): string {
  const visible = name.replace(
    /\p{C}|[\u2028\u2029]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
  return visible.length <= 130 ? visible : `${visible.slice(0, 127)}…`;
}

/** A JSON value of which every character can be seen: what people approve is what they can read. */
export function visibleJson(value: unknown): string {
  return JSON.stringify(value).replace(/[\p{C}\u2028\u2029]/gu, (character) =>
    Array.from(
      { length: character.length },
      (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
    ).join(''),
  );
}
