import type pg from 'pg';

/** The same pool, which can be made to lose answers: what was asked is done, and the caller learns only that the connection broke. */
export function losingAnswers(pool: pg.Pool): { pool: pg.Pool; loseNext(): void } {
  let lose = false;
  const query = async (config: pg.QueryConfig): Promise<pg.QueryResult> => {
    const answer = await pool.query(config);
    if (!lose) return answer;
    lose = false;
    throw new Error('Connection terminated unexpectedly');
  };
  return {
    pool: Object.create(pool, { query: { value: query } }) as pg.Pool,
    loseNext() {
      lose = true;
    },
  };
}
