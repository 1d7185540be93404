import type { Example } from './live-operation.js';

/** A request as lines that a shell takes as they are; `countersign` is a program or function of that shell. */
export function requestLines(
  { operation, agent, keyFile }: { operation: string; agent: string; keyFile: string },
  { params, reason }: Example,
): string[] {
  const options = [
    ...Object.entries(params).map(([key, value]) =>
      typeof value === 'string'
        ? `--param ${quoted(`${key}=${value}`)}`
        : `--param ${quoted(`${key}:=${JSON.stringify(value)}`)}`,
    ),
    `--reason ${quoted(reason)}`,
  ];
  const first = `countersign request --operation ${operation} --agent ${agent} --key-file ${quoted(keyFile)}`;
  return [first, ...options.map((option) => `  ${option}`)].map((line, index, { length }) =>
    index === length - 1 ? line : `${line} \\`,
  );
}

/** A word as a POSIX shell reads it back. */
export function quoted(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
