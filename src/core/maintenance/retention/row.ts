import { isUtf8 } from 'node:buffer';
import type { Connection } from '../../sqlite/connection.ts';
import type { SqlParameters, SqlValue, Statement } from '../../sqlite/statement.ts';

/** TEXT whose bytes are no characters: kept as the bytes, in the encoding of its database. */
export class RawText {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** A value exactly as SQLite stores it: INTEGER as bigint, REAL as number, TEXT as string or RawText, BLOB as bytes. */
export type ExactValue = null | bigint | number | string | Uint8Array | RawText;

export type ExactRow = readonly ExactValue[];

/** Text and blobs that are read at once: wide rows must not fill the memory. */
export const pageBytes = 8 * 1024 * 1024;

/** What a decoder puts in place of bytes that are no characters. */
const replacement = '\ufffd';

/** True when text of the row may have lost bytes: it must be read again with `exactList`. */
export function mayHaveLost(row: readonly SqlValue[]): boolean {
  return row.some((value) => typeof value === 'string' && value.includes(replacement));
}

/** Bits in one of the columns that tell which values are text; small enough for a 32-bit number. */
const bitsPerMask = 30;

/** Select list for `expressions` that loses nothing, read back with `exactRow`. */
export function exactList(expressions: readonly string[]): string {
  const values = expressions.map((e) => `CASE typeof(${e}) WHEN 'text' THEN CAST(${e} AS BLOB) ELSE ${e} END`);
  const masks: string[] = [];
  for (let start = 0; start < expressions.length; start += bitsPerMask) {
    const bits = expressions.slice(start, start + bitsPerMask).map((e, bit) => `((typeof(${e}) = 'text') << ${bit})`);
    masks.push(bits.join(' | '));
  }
  return [...values, ...masks].join(', ');
}

/** `count` values of a result row of `exactList`. `encoding` is what `PRAGMA encoding` says of the database. */
export function exactRow(raw: readonly SqlValue[], count: number, encoding: string): ExactRow {
  return raw.slice(0, count).map((value, index) => {
    const mask = Number(raw[count + Math.floor(index / bitsPerMask)]);
    const isText = ((mask >> (index % bitsPerMask)) & 1) === 1;
    return isText ? textOf(value as Buffer, encoding) : value;
  });
}

/** Bytes that are characters become a string, so that a text is the same value however it was read. */
function textOf(bytes: Buffer, encoding: string): string | RawText {
  if (encoding === 'UTF-8') return isUtf8(bytes) ? bytes.toString('utf8') : new RawText(bytes);
  if (bytes.length % 2 !== 0) return new RawText(bytes);
  const little = encoding === 'UTF-16le' ? bytes : Buffer.from(bytes).swap16();
  const text = little.toString('utf16le');
  return text.isWellFormed() ? text : new RawText(bytes);
}

/** The part of a row at these positions. */
export function pick(row: ExactRow, positions: readonly number[]): ExactRow {
  return positions.map((at) => row[at] ?? null);
}

/** Placeholders for a row: raw text is bound as bytes and becomes text inside SQLite. */
export function placeholders(row: ExactRow): string[] {
  return row.map((value) => (value instanceof RawText ? 'CAST(? AS TEXT)' : '?'));
}

/** What the placeholders bind. */
export function bindings(row: ExactRow): SqlValue[] {
  return row.map((value) => (value instanceof RawText ? value.bytes : value));
}

/** Statements of one connection that yield rows as arrays with exact integers, kept by their text. */
export class ExactStatements {
  readonly connection: Connection;
  /** As `PRAGMA encoding` says. */
  readonly encoding: string;
  readonly #kept = new Map<string, Statement>();

  constructor(connection: Connection) {
    this.connection = connection;
    this.encoding = String(connection.pragmaValue('encoding'));
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
    for (const row of this.iterate(sql, parameters)) {
      rows.push(row);
      for (const value of row) {
        if (typeof value === 'string' || value instanceof Uint8Array) bytes += value.length;
      }
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
      // The text of a statement depends on which values are raw text; that has many forms at worst.
      if (this.#kept.size >= 500) this.#kept.clear();
      statement = this.connection.prepare(sql);
      if (reads) statement = statement.asArrays().withBigIntegers();
      this.#kept.set(sql, statement);
    }
    return statement;
  }
}
