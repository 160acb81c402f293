import type { RetryCount } from './busy-retry.ts';

export interface TransactionMetrics {
  readonly committed: number;
  readonly failed: number;
  /** Retries because another process was in the way, and the same by SQLite's extended result code. */
  readonly retries: number;
  readonly retriesByCode: Readonly<Record<string, number>>;
  readonly waitedMs: number;
}

/** Counts of the transactions of one database. */
export class TransactionCounter {
  #committed = 0;
  #failed = 0;
  #retries = 0;
  #waitedMs = 0;
  readonly #byCode: Record<string, number> = {};

  ended(committed: boolean, count: RetryCount): void {
    if (committed) this.#committed += 1;
    else this.#failed += 1;
    if (count.tries === 0) return;
    this.#retries += count.tries;
    this.#waitedMs += count.waitedMs;
    for (const [code, times] of Object.entries(count.byCode)) this.#byCode[code] = (this.#byCode[code] ?? 0) + times;
  }

  metrics(): TransactionMetrics {
    return {
      committed: this.#committed,
      failed: this.#failed,
      retries: this.#retries,
      retriesByCode: { ...this.#byCode },
      waitedMs: this.#waitedMs,
    };
  }
}
