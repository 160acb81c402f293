import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { Statement } from '../../sqlite/statement.ts';
import type { RowRange, Slice, SliceLimits, SourceKey, SourceRow } from './source.ts';
import type { SourceSchema } from './source-schema.ts';

export interface TableRange {
  readonly table: string;
  /** A column that the source lacks reads as NULL; `rowid` is that of the table. */
  readonly columns: readonly string[];
  /** Unique together and indexed in this order, such as the INTEGER PRIMARY KEY. Each must be one of `columns`. */
  readonly key: readonly string[];
  /** SQL condition for streams that are a part of the table; a part of the program, never of the source. */
  readonly where?: string;
}

/** A cursor that gives rows one by one costs twice as much as reading a few at once. */
const chunkRows = 256;

/** Rows of a table in key order, each slice in one read transaction. */
export function tableRows(schema: SourceSchema, range: TableRange): RowRange {
  return new TableRows(schema, range);
}

class TableRows implements RowRange {
  readonly #schema: SourceSchema;
  readonly #range: TableRange;
  readonly #keyAt: readonly number[];
  #first: Statement | undefined;
  #next: Statement | undefined;

  constructor(schema: SourceSchema, range: TableRange) {
    this.#schema = schema;
    this.#range = range;
    this.#keyAt = range.key.map((column) => range.columns.indexOf(column));
  }

  count(): number {
    const { table, where } = this.#range;
    if (where === undefined) return this.#schema.count(table);
    return Number(this.#schema.connection.value(`SELECT count(*) FROM ${quoteIdentifier(table)} WHERE ${where}`));
  }

  read(after: SourceKey | undefined, limits: SliceLimits, visit: (row: SourceRow) => void): Slice {
    const { connection } = this.#schema;
    const { clock } = connection.ports;
    return connection.read(() => {
      const endMs = clock.now() + limits.ms;
      let rows = 0;
      let last = after;
      for (;;) {
        const wanted = Math.min(chunkRows, limits.rows - rows);
        const chunk = this.#statement(last).all<SourceRow>([...(last ?? []), wanted]);
        for (const row of chunk) visit(row);
        rows += chunk.length;
        const end = chunk.at(-1);
        if (end !== undefined) last = this.keyOf(end);
        if (chunk.length < wanted) return { rows, last: rows === 0 ? undefined : last, done: true };
        if (rows >= limits.rows || clock.now() > endMs) return { rows, last, done: false };
      }
    });
  }

  keyOf(row: SourceRow): SourceKey {
    return this.#keyAt.map((at) => row[at] as number | string | bigint);
  }

  #statement(after: SourceKey | undefined): Statement {
    if (after === undefined) {
      this.#first ??= this.#prepare('');
      return this.#first;
    }
    const columns = this.#range.key.map(quoteIdentifier).join(', ');
    const marks = this.#range.key.map(() => '?').join(', ');
    this.#next ??= this.#prepare(`(${columns}) > (${marks})`);
    return this.#next;
  }

  #prepare(behind: string): Statement {
    const { table, columns, key, where } = this.#range;
    const conditions = [behind, where ?? ''].filter((condition) => condition !== '').map((one) => `(${one})`);
    const filter = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
    const there = new Set(this.#schema.columns(table).map(({ name }) => name));
    const list = columns
      .map((column) => (there.has(column) || column === 'rowid' ? quoteIdentifier(column) : 'NULL'))
      .join(', ');
    const order = key.map(quoteIdentifier).join(', ');
    const sql = `SELECT ${list} FROM ${quoteIdentifier(table)} ${filter} ORDER BY ${order} LIMIT ?`;
    return this.#schema.connection.prepare(sql).asArrays().withBigIntegers();
  }
}
