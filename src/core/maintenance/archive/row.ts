import { createHash } from 'node:crypto';
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

/** The bytes of a row, equal exactly when all values are: type, then value. */
export function rowBytes({ values, text }: ExactRow): Buffer {
  let size = 0;
  for (const value of values) size += value === null ? 1 : 9 + (value instanceof Uint8Array ? value.length : 0);
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  values.forEach((value, index) => {
    if (value === null) {
      at = bytes.writeUInt8(0, at);
    } else if (typeof value === 'bigint') {
      at = bytes.writeBigInt64LE(value, bytes.writeUInt8(1, at));
    } else if (typeof value === 'number') {
      at = bytes.writeDoubleLE(value, bytes.writeUInt8(2, at));
    } else {
      at = bytes.writeBigUInt64LE(BigInt(value.length), bytes.writeUInt8(text[index] === true ? 3 : 4, at));
      bytes.set(value, at);
      at += value.length;
    }
  });
  return bytes;
}

/** What the rows of a table add up to, in whatever order they come. */
export interface TableSums {
  readonly rows: number;
  /** Sum of the first 128 bits of each row's SHA-256, modulo 2^128, hexadecimal. Added, not xored: equal rows count. */
  readonly hash: string;
  /** Sum of the INTEGER values of each column, decimal. */
  readonly integers: readonly string[];
}

export class RowSums {
  #rows = 0;
  #high = 0n;
  #low = 0n;
  readonly #integers: bigint[];

  constructor(columns: number) {
    this.#integers = new Array<bigint>(columns).fill(0n);
  }

  /** Adds a row; returns the number of its bytes. */
  add(row: ExactRow): number {
    const bytes = rowBytes(row);
    const digest = createHash('sha256').update(bytes).digest();
    this.#rows += 1;
    this.#high += digest.readBigUInt64BE(0);
    this.#low += digest.readBigUInt64BE(8);
    row.values.forEach((value, index) => {
      if (typeof value === 'bigint') this.#integers[index] = (this.#integers[index] ?? 0n) + value;
    });
    return bytes.length;
  }

  get sums(): TableSums {
    const hash = BigInt.asUintN(128, (this.#high << 64n) + this.#low);
    return { rows: this.#rows, hash: hash.toString(16).padStart(32, '0'), integers: this.#integers.map(String) };
  }
}

export function equalSums(a: TableSums, b: TableSums): boolean {
  return a.rows === b.rows && a.hash === b.hash && a.integers.join() === b.integers.join();
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
