import type { Statement } from './statement.ts';

/** How a statement gives its rows; part of its key, because a prepared statement has one form at a time. */
export interface StatementModes {
  /** Rows as arrays in column order. */
  readonly arrays?: boolean;
  /** Integers as BigInt. */
  readonly bigIntegers?: boolean;
}

interface Entry {
  readonly statement: Statement;
  lastUse: number;
}

/**
 * Prepared statements of one connection by SQL text, least recently used first out. Preparing costs 20 to 30
 * microseconds, which is more than a point read; a hit costs one look-up and one number.
 */
export class StatementCache {
  readonly #capacity: number;
  readonly #prepare: (sql: string) => Statement;
  readonly #entries = new Map<string, Entry>();
  #uses = 0;

  constructor(capacity: number, prepare: (sql: string) => Statement) {
    this.#capacity = capacity;
    this.#prepare = prepare;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(sql: string, modes?: StatementModes): Statement {
    const key = modes === undefined ? sql : `${modes.arrays ? 'a' : '-'}${modes.bigIntegers ? 'b' : '-'}\0${sql}`;
    const known = this.#entries.get(key);
    if (known !== undefined) {
      // A statement with an open iterator cannot be used twice: the second user gets a fresh one that is not kept.
      if (known.statement.busy) return this.#make(sql, modes);
      known.lastUse = this.#uses++;
      return known.statement;
    }
    const statement = this.#make(sql, modes).share();
    this.#entries.set(key, { statement, lastUse: this.#uses++ });
    if (this.#entries.size > this.#capacity) this.#evict();
    return statement;
  }

  clear(): void {
    this.#entries.clear();
  }

  #make(sql: string, modes: StatementModes | undefined): Statement {
    const statement = this.#prepare(sql);
    if (modes?.arrays === true && statement.returnsRows) statement.asArrays();
    if (modes?.bigIntegers === true) statement.withBigIntegers();
    return statement;
  }

  #evict(): void {
    let oldest: string | undefined;
    let oldestUse = Number.POSITIVE_INFINITY;
    for (const [key, { statement, lastUse }] of this.#entries) {
      if (lastUse >= oldestUse || statement.busy) continue;
      oldest = key;
      oldestUse = lastUse;
    }
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}
