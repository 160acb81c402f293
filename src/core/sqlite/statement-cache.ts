import type { Statement } from './statement.ts';

/**
 * Prepared statements of one connection by SQL text, least recently used first out. Preparing costs 20 to 30
 * microseconds, which is more than a point read.
 */
export class StatementCache {
  readonly #capacity: number;
  readonly #prepare: (sql: string) => Statement;
  readonly #entries = new Map<string, Statement>();

  constructor(capacity: number, prepare: (sql: string) => Statement) {
    this.#capacity = capacity;
    this.#prepare = prepare;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(sql: string): Statement {
    const known = this.#entries.get(sql);
    // A statement with an open iterator cannot be used twice: the second user gets a fresh one that is not kept.
    if (known?.busy === true) return this.#prepare(sql);
    if (known !== undefined) {
      this.#entries.delete(sql);
      this.#entries.set(sql, known);
      return known;
    }
    const statement = this.#prepare(sql);
    this.#entries.set(sql, statement);
    if (this.#entries.size > this.#capacity) this.#evict();
    return statement;
  }

  clear(): void {
    this.#entries.clear();
  }

  #evict(): void {
    for (const [sql, statement] of this.#entries) {
      if (statement.busy) continue;
      this.#entries.delete(sql);
      return;
    }
  }
}
