import type { RawStatement } from './driver.ts';
import { isBusy, translateError } from './translate-error.ts';

export type SqlValue = null | number | bigint | string | Uint8Array;

/** Positional values, or values by name without their prefix. */
export type SqlParameters = readonly SqlValue[] | Readonly<Record<string, SqlValue>>;

export type Row = Readonly<Record<string, SqlValue>>;

export interface RunResult {
  readonly changes: number;
  readonly lastInsertRowid: number | bigint;
}

/** Who owns a statement: decides whether a busy answer is waited for. */
export interface StatementOwner {
  readonly path: string;
  readonly inTransaction: boolean;
  /** Repeats `work` until it is no longer busy or the busy timeout has passed. */
  waitWhileBusy<T>(work: () => T): T;
}

/**
 * A prepared statement whose errors are translated. Outside a transaction a call that meets a lock waits up to the
 * connection's busy timeout; inside one it throws at once, because only the whole transaction can be repeated.
 */
export class Statement {
  readonly sql: string;
  readonly #raw: RawStatement;
  readonly #owner: StatementOwner;

  constructor(raw: RawStatement, owner: StatementOwner) {
    this.sql = raw.source;
    this.#raw = raw;
    this.#owner = owner;
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
    try {
      return this.#raw.columns();
    } catch (error) {
      throw translateError(error, this.#owner.path);
    }
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

  run(parameters?: SqlParameters): RunResult {
    try {
      return parameters === undefined ? this.#raw.run() : this.#raw.run(parameters);
    } catch (error) {
      return this.#again(error, () => this.#raw.run(parameters ?? []));
    }
  }

  get<T = Row>(parameters?: SqlParameters): T | undefined {
    try {
      return (parameters === undefined ? this.#raw.get() : this.#raw.get(parameters)) as T | undefined;
    } catch (error) {
      return this.#again(error, () => this.#raw.get(parameters ?? []) as T | undefined);
    }
  }

  all<T = Row>(parameters?: SqlParameters): T[] {
    try {
      return (parameters === undefined ? this.#raw.all() : this.#raw.all(parameters)) as T[];
    } catch (error) {
      return this.#again(error, () => this.#raw.all(parameters ?? []) as T[]);
    }
  }

  /** Rows one by one; the statement is `busy` from the first row until the iteration ends. */
  *iterate<T = Row>(parameters?: SqlParameters): Generator<T, void, undefined> {
    try {
      const rows = this.#raw.iterate(parameters ?? []) as IterableIterator<T>;
      yield* rows;
    } catch (error) {
      throw translateError(error, this.#owner.path);
    }
  }

  #again<T>(error: unknown, work: () => T): T {
    if (!isBusy(error) || this.#owner.inTransaction) throw translateError(error, this.#owner.path);
    try {
      return this.#owner.waitWhileBusy(work);
    } catch (second) {
      throw translateError(second, this.#owner.path);
    }
  }
}
