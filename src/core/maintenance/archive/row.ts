import type { Connection } from '../../sqlite/connection.ts';
import type { SqlParameters, SqlValue, Statement } from '../../sqlite/statement.ts';

/**
 * A row exactly as SQLite stores it: INTEGER as bigint, REAL as number, TEXT and BLOB as bytes. Text travels as its
 * bytes because it may hold NUL or be no valid UTF-8.
 */
export interface ExactRow {
  readonly values: readonly (null | bigint | number | Uint8Array)[];
  /** Which of the byte values are TEXT. */
  readonly text: readonly boolean[];
}

/** Text and blobs that are read at once: wide rows must not fill the memory. */
export const pageBytes = 8 * 1024 * 1024;

/** Bits in one of the columns that tell which values are text; small enough for a 32-bit number. */
const bitsPerMask = 30;

/** Select list for `expressions`, read back with `exactRow`. */
export function exactList(expressions: readonly string[]): string {
  const values = expressions.map((e) => `CASE typeof(${e}) WHEN 'text' THEN CAST(${e} AS BLOB) ELSE ${e} END`);
  const masks: string[] = [];
  for (let start = 0; start < expressions.length; start += bitsPerMask) {
    const bits = expressions.slice(start, start + bitsPerMask).map((e, bit) => `((typeof(${e}) = 'text') << ${bit})`);
    masks.push(bits.join(' | '));
  }
  return [...values, ...masks].join(', ');
}

/** `count` expressions of a result row, of which the list begins at `offset`. */
export function exactRow(raw: readonly SqlValue[], count: number, offset = 0): ExactRow {
  const values = raw.slice(offset, offset + count) as ExactRow['values'];
  const text = values.map((_, index) => {
    const mask = Number(raw[offset + count + Math.floor(index / bitsPerMask)]);
    return ((mask >> (index % bitsPerMask)) & 1) === 1;
  });
  return { values, text };
}

/** The part of a row at these positions. */
export function pick(row: ExactRow, positions: readonly number[]): ExactRow {
  return { values: positions.map((at) => row.values[at] ?? null), text: positions.map((at) => row.text[at] ?? false) };
}

/** Placeholders for a row: text is bound as bytes and becomes text inside SQLite. */
export function placeholders(row: ExactRow): string[] {
  return row.text.map((isText) => (isText ? 'CAST(? AS TEXT)' : '?'));
}

/** Statements of one connection that yield rows as arrays with exact integers, kept by their text. */
export class ExactStatements {
  readonly connection: Connection;
  readonly #kept = new Map<string, Statement>();

  constructor(connection: Connection) {
    this.connection = connection;
  }

  all(sql: string, parameters: SqlParameters): SqlValue[][] {
    return this.#reader(sql).all<SqlValue[]>(parameters);
  }

  get(sql: string, parameters: SqlParameters): SqlValue[] | undefined {
    return this.#reader(sql).get<SqlValue[]>(parameters);
  }

  iterate(sql: string, parameters: SqlParameters): Generator<SqlValue[], void, undefined> {
    return this.#reader(sql).iterate<SqlValue[]>(parameters);
  }

  /** Rows until `limitBytes` of text and blobs have come: a page of wide rows must not fill the memory. */
  page(sql: string, parameters: SqlParameters, limitBytes: number): SqlValue[][] {
    const rows: SqlValue[][] = [];
    let bytes = 0;
    for (const row of this.#reader(sql).iterate<SqlValue[]>(parameters)) {
      rows.push(row);
      for (const value of row) if (value instanceof Uint8Array) bytes += value.length;
      if (bytes > limitBytes) break;
    }
    return rows;
  }

  /** Number of rows that the statement itself changed. */
  run(sql: string, parameters: SqlParameters): number {
    return this.#statement(sql).run(parameters).changes;
  }

  #reader(sql: string): Statement {
    return this.#statement(sql, true);
  }

  #statement(sql: string, reads = false): Statement {
    let statement = this.#kept.get(sql);
    if (statement === undefined) {
      // The text of a statement depends on which values are text; a table with many nullable texts has many forms.
      if (this.#kept.size >= 500) this.#kept.clear();
      statement = this.connection.prepare(sql);
      if (reads) statement.asArrays().withBigIntegers();
      this.#kept.set(sql, statement);
    }
    return statement;
  }
}
