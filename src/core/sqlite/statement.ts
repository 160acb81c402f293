import type Database from 'better-sqlite3';
import { translateError } from './translate-error.ts';

export type SqlValue = null | number | bigint | string | Uint8Array;

/** Positional values, or values by name without their prefix. */
export type SqlParameters = readonly SqlValue[] | Readonly<Record<string, SqlValue>>;

export type Row = Readonly<Record<string, SqlValue>>;

export interface RunResult {
  readonly changes: number;
  readonly lastInsertRowid: number | bigint;
}

/** A prepared statement whose errors are translated. */
export class Statement {
  readonly sql: string;
  readonly #raw: Database.Statement;
  readonly #path: string;

  constructor(raw: Database.Statement, path: string) {
    this.sql = raw.source;
    this.#raw = raw;
    this.#path = path;
  }

  /** True when the statement yields rows. */
  get returnsRows(): boolean {
    return this.#raw.reader;
  }

  /** SQLite's own word that the statement does not write the database; COMMIT and ATTACH count as read-only too. */
  get readOnly(): boolean {
    return this.#raw.readonly;
  }

  /** True while an iterator over it is open. */
  get busy(): boolean {
    return this.#raw.busy;
  }

  columns(): { name: string; table: string | null; type: string | null }[] {
    return this.#guard(() => this.#raw.columns());
  }

  /** Rows become arrays in column order. */
  asArrays(on = true): this {
    this.#raw.raw(on);
    return this;
  }

  /** Integers become BigInt: needed for values beyond 2^53. */
  withBigIntegers(on = true): this {
    this.#raw.safeIntegers(on);
    return this;
  }

  run(parameters: SqlParameters = []): RunResult {
    return this.#guard(() => this.#raw.run(parameters));
  }

  get<T = Row>(parameters: SqlParameters = []): T | undefined {
    return this.#guard(() => this.#raw.get(parameters)) as T | undefined;
  }

  all<T = Row>(parameters: SqlParameters = []): T[] {
    return this.#guard(() => this.#raw.all(parameters)) as T[];
  }

  *iterate<T = Row>(parameters: SqlParameters = []): Generator<T, void, undefined> {
    const rows = this.#guard(() => this.#raw.iterate(parameters)) as IterableIterator<T>;
    try {
      for (const row of rows) yield row;
    } catch (error) {
      throw translateError(error, this.#path);
    }
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw translateError(error, this.#path);
    }
  }
}
