/**
 * Remembers what was read from rows that never change once they are committed. Within a transaction that has made such a
 * row, and within one whose end nobody tells, nothing is remembered: a rollback could take the row away.
 */
export class CommittedCache<T> {
  readonly #values = new Map<string, T>();
  #isOpen = false;

  /** At the start of each attempt of a transaction of our own. */
  startTransaction(): void {
    this.#isOpen = true;
  }

  forgetUntilCommit(): void {
    this.#isOpen = false;
  }

  get(key: string): T | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: T): void {
    if (this.#isOpen) this.#values.set(key, value);
  }
}
