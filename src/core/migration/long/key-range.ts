import { TradedbError } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { SqlValue } from '../../sqlite/statement.ts';
import { bindKey, type KeyBound, keepKey } from './key-value.ts';

/** Slices of a table along one key, from the smallest value to the one that was the largest at the start. */
export class KeyRange {
  readonly #connection: Connection;
  readonly #table: string;
  readonly #key: string;
  #first: SqlValue | undefined;

  constructor(connection: Connection, table: string, key: string) {
    this.#connection = connection;
    this.#table = quoteIdentifier(table);
    this.#key = quoteIdentifier(key);
  }

  /** The largest key and the number of rows as they are now. */
  measure(): { end: KeyBound | null; rows: number } {
    const [table, key] = [this.#table, this.#key];
    const found = this.#connection
      .prepare(`SELECT max(${key}) AS last, count(*) AS total, count(${key}) AS keyed FROM ${table}`)
      .withBigIntegers()
      .get<{ last: SqlValue; total: bigint; keyed: bigint }>();
    const { last = null, total = 0n, keyed = 0n } = found ?? {};
    if (total !== keyed) {
      throw new TradedbError(
        'sql_error',
        `${total - keyed} rows of ${table} have NULL in ${key}: no batch holds them`,
        {
          hint: 'take a key that is NOT NULL, such as rowid',
        },
      );
    }
    return { end: last === null ? null : keepKey(last), rows: Number(total) };
  }

  /** What stands for `after`: before the first batch a value that is smaller than every key. */
  bind(after: KeyBound | null): SqlValue {
    if (after !== null) return bindKey(after);
    this.#first ??= this.#below();
    return this.#first;
  }

  /** The next slice behind `after`; undefined at the end. */
  next(after: KeyBound | null, end: KeyBound, rows: number): { upto: KeyBound; rows: number } | undefined {
    const [table, key] = [this.#table, this.#key];
    const bounds = { after: this.bind(after), end: bindKey(end) };
    const full = this.#connection
      .statement(
        `SELECT ${key} AS k FROM ${table} WHERE ${key} > @after AND ${key} <= @end ORDER BY ${key} LIMIT 1 OFFSET @skip`,
      )
      .withBigIntegers()
      .get<{ k: SqlValue }>({ ...bounds, skip: rows - 1 });
    if (full !== undefined) return { upto: keepKey(full.k), rows };
    const left = Number(
      this.#connection.value(`SELECT count(*) FROM ${table} WHERE ${key} > @after AND ${key} <= @end`, bounds),
    );
    return left === 0 ? undefined : { upto: end, rows: left };
  }

  #below(): SqlValue {
    const least = this.#connection.value(`SELECT min(${this.#key}) FROM ${this.#table}`);
    const below = least instanceof Uint8Array ? Buffer.alloc(0) : typeof least === 'string' ? '' : -Infinity;
    if (least !== '' && !(least instanceof Uint8Array && least.length === 0)) return below;
    throw new TradedbError(
      'sql_error',
      `the smallest ${this.#key} of ${this.#table} is empty: no bound lies below it`,
      {
        hint: 'take another key, such as rowid',
      },
    );
  }
}
