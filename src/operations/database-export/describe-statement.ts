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
  const types = await namesOfTypes(client, fields);
  return fields.map((field, index) => ({
    name: field.name,
    type: types[index] ?? 'unknown',
    typeOid: field.dataTypeID,
  }));
}

// The usual ones, whose oids never change (pg_type.dat); a round trip less.
const BUILT_IN: ReadonlyMap<number, string> = new Map([
  [16, 'boolean'],
  [20, 'bigint'],
  [21, 'smallint'],
  [23, 'integer'],
  [25, 'text'],
  [701, 'double precision'],
  [1043, 'character varying'],
  [1082, 'date'],
  [1114, 'timestamp without time zone'],
  [1184, 'timestamp with time zone'],
  [1700, 'numeric'],
  [2950, 'uuid'],
]);

/** Types as SQL spells them. */
async function namesOfTypes(client: Client, fields: readonly FieldDef[]): Promise<string[]> {
  const known = fields.map(({ dataTypeID, dataTypeModifier }) =>
    dataTypeModifier === -1 ? BUILT_IN.get(dataTypeID) : undefined,
  );
  if (known.every((name) => name !== undefined)) return known;
  const { rows } = await client.query<{ name: string }>(
    'SELECT pg_catalog.format_type(f.type, f.modifier) AS name FROM unnest($1::oid[], $2::int4[]) WITH ORDINALITY AS f(type, modifier, place) ORDER BY f.place',
    [fields.map(({ dataTypeID }) => dataTypeID), fields.map(({ dataTypeModifier }) => dataTypeModifier)],
  );
  return rows.map(({ name }) => name);
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
