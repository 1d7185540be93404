import type { Client, Connection, FieldDef, Submittable } from 'pg';

/** An output column as the server names it before anything runs. */
export interface OutputColumn {
  name: string;
  /** Type as SQL spells it, e.g. `timestamp with time zone`. */
  type: string;
  typeOid: number;
}

/** Asks the server for the output columns of a query: parse and describe only, nothing is executed. */
export async function describeStatement(client: Client, query: string): Promise<OutputColumn[]> {
  const fields = await new Promise<FieldDef[]>((resolve, reject) => {
    client.query(new Description(query, resolve, reject));
  });
  const { rows } = await client.query<{ name: string }>(
    'SELECT pg_catalog.format_type(f.type, f.modifier) AS name FROM unnest($1::oid[], $2::int4[]) WITH ORDINALITY AS f(type, modifier, place) ORDER BY f.place',
    [fields.map(({ dataTypeID }) => dataTypeID), fields.map(({ dataTypeModifier }) => dataTypeModifier)],
  );
  return fields.map((field, index) => ({
    name: field.name,
    type: rows[index]?.name ?? 'unknown',
    typeOid: field.dataTypeID,
  }));
}

// The messages of PostgreSQL's extended protocol that pg has no call for: Parse, Describe, Sync.
class Description implements Submittable {
  readonly #query: string;
  readonly #resolve: (fields: FieldDef[]) => void;
  readonly #reject: (error: Error) => void;
  #fields: FieldDef[] = [];

  constructor(query: string, resolve: (fields: FieldDef[]) => void, reject: (error: Error) => void) {
    this.#query = query;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit(connection: Connection): void {
    connection.parse({ name: '', text: this.#query, types: [] }, true);
    connection.describe({ type: 'S', name: '' }, true);
    connection.sync();
  }

  handleRowDescription(message: { fields: FieldDef[] }): void {
    this.#fields = message.fields;
  }

  handleError(error: Error): void {
    this.#reject(error);
  }

  handleReadyForQuery(): void {
    this.#resolve(this.#fields);
  }
}
