import type { Clock, Random } from '../context.ts';
import { TradedbError } from '../error.ts';
import { isBusy, sqliteCode } from './translate-error.ts';

/** How often and how long a call waited for other processes. */
export interface RetryCount {
  tries: number;
  waitedMs: number;
  /** Retries by SQLite's extended result code. */
  byCode: Record<string, number>;
}

/**
 * The wait before the next try. Flat sub-millisecond jitter for the first twenty tries, because SQLite's own ladder
 * favours whoever has just released the lock; then doubling up to 5 ms.
 */
export function retryDelayMs(tries: number, random: Random): number {
  const flat = 0.05 + random.next() * 0.1;
  if (tries <= 20) return flat;
  return Math.min(5, flat * 2 ** Math.min(tries - 20, 10));
}

/** Repeats `work` while SQLite says busy, until `deadlineMs` have passed; then `database_locked`. Blocks the thread. */
export function retryWhileBusy<T>(
  work: () => T,
  options: { clock: Clock; random: Random; deadlineMs: number; path: string; count?: RetryCount },
): T {
  const { clock, random, deadlineMs, path } = options;
  const count = options.count ?? { tries: 0, waitedMs: 0, byCode: {} };
  let started: number | undefined;
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error)) throw error;
      const now = clock.now();
      started ??= now;
      count.tries += 1;
      count.waitedMs = now - started;
      const code = sqliteCode(error) ?? 'SQLITE_BUSY';
      count.byCode[code] = (count.byCode[code] ?? 0) + 1;
      if (count.waitedMs >= deadlineMs) {
        throw new TradedbError('database_locked', `database ${JSON.stringify(path)} is locked by another process`, {
          hint: `gave up after ${count.tries} tries in ${Math.round(count.waitedMs)} ms; raise database.busyTimeout to wait longer`,
          details: { sqliteCode: code, path, tries: count.tries, waitedMs: count.waitedMs },
          cause: error,
        });
      }
      clock.sleepSync(Math.min(retryDelayMs(count.tries, random), Math.max(0.05, deadlineMs - count.waitedMs)));
    }
  }
}
