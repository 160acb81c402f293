import type { Row, SqlParameters, SqlValue } from './statement.ts';

export interface QueryOptions {
  /**
   * Keep the result until any commit changes the database. For queries that cost more than about 20 microseconds and
   * whose answer follows from the database alone (no `random()`, no `now`). Cached rows are frozen.
   */
  readonly cache?: boolean;
}

/** A query that can be asked with different values. */
export interface Query {
  all<T = Row>(parameters?: SqlParameters): readonly T[];
  get<T = Row>(parameters?: SqlParameters): T | undefined;
  /** The first column of the first row. */
  value(parameters?: SqlParameters): SqlValue | undefined;
}

/** Where a query reads: a snapshot, a transaction or the read connection. */
export interface QuerySource {
  all<T>(sql: string, parameters?: SqlParameters): T[];
  get<T>(sql: string, parameters?: SqlParameters): T | undefined;
  cached<T>(sql: string, parameters?: SqlParameters): readonly T[];
}

/** `source` is asked at each call, because the same query may be used inside and outside a transaction. */
export function makeQuery(sql: string, options: QueryOptions, source: () => QuerySource): Query {
  const cached = options.cache === true;
  const get = <T>(parameters?: SqlParameters): T | undefined =>
    cached ? source().cached<T>(sql, parameters)[0] : source().get<T>(sql, parameters);
  return {
    all: (parameters) => (cached ? source().cached(sql, parameters) : source().all(sql, parameters)),
    get,
    value(parameters) {
      const row = get<Row>(parameters);
      return row === undefined ? undefined : Object.values(row)[0];
    },
  };
}
