/** What an entry of a test's archive may be beyond a plain file. */
export interface TarEntry {
  name: string;
  type?: string;
  linkTo?: string;
  text?: string;
}

/** A ustar archive, of plain files or of what a test wants to be refused. */
export function tarOf(files: Readonly<Record<string, string>> | readonly TarEntry[]): Uint8Array {
  const entries = Array.isArray(files)
    ? (files as readonly TarEntry[])
    : Object.entries(files as Readonly<Record<string, string>>).map(([name, text]) => ({ name, text }));
  const blocks = entries.flatMap(({ name, type = '0', linkTo = '', text = '' }: TarEntry) => {
    const body = Buffer.from(text);
    return [headerOf(name, type, linkTo, body.length), body, Buffer.alloc((512 - (body.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1_024)]);
}

function headerOf(name: string, type: string, linkTo: string, size: number): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write('0000644\0', 100);
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  header.write('        ', 148);
  header.write(type, 156);
  header.write(linkTo, 157, 100);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}
