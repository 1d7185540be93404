import type { Client, Connection, Submittable } from 'pg';

/** The bytes of `COPY (query) TO STDOUT` as CSV. */
export async function copyOut(client: Client, query: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    client.query(new CopyOut(query, resolve, reject));
  });
}

// pg has no call for COPY; these are the messages of the simple protocol that matter to it.
class CopyOut implements Submittable {
  readonly #query: string;
  readonly #resolve: (bytes: Buffer) => void;
  readonly #reject: (error: Error) => void;
  readonly #chunks: Buffer[] = [];

  constructor(query: string, resolve: (bytes: Buffer) => void, reject: (error: Error) => void) {
    this.#query = query;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit(connection: Connection): void {
    connection.query(`copy (${this.#query}) to stdout (format csv, header)`);
  }

  handleCopyData({ chunk }: { chunk: Buffer }): void {
    this.#chunks.push(chunk);
  }

  handleCommandComplete(): void {
    // The end comes with handleReadyForQuery.
  }

  handleError(error: Error): void {
    this.#reject(error);
  }

  handleReadyForQuery(): void {
    this.#resolve(Buffer.concat(this.#chunks));
  }
}
