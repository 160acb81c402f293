import type { Clock, Random } from '../context.ts';
import { TradedbError } from '../error.ts';
import { isBusy, sqliteCode } from './translate-error.ts';

/** How often and how long a call waited for other processes. */
export interface RetryCount {
  tries: number;
  /** From the first busy answer to the end of the last wait. */
  waitedMs: number;
  /** Retries by SQLite's extended result code. */
  byCode: Record<string, number>;
}

export interface RetryOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly deadlineMs: number;
  readonly path: string;
  readonly count?: RetryCount;
}

/** Tries at the flat delay. A writer among sixteen gets its turn within them; who still waits, waits for a long task. */
const flatTries = 200;

/**
 * The wait before the next try, in milliseconds: flat sub-millisecond jitter, because SQLite's own ladder favours
 * whoever has just released the lock, and any growth within the first tries starves those who were unlucky. After that
 * it doubles every twenty tries, up to 5 ms.
 */
export function retryDelayMs(tries: number, random: Random): number {
  const flat = 0.05 + random.next() * 0.1;
  if (tries <= flatTries) return flat;
  return Math.min(5, flat * 2 ** Math.min(Math.ceil((tries - flatTries) / 20), 10));
}

/** One call's waiting: counts its tries and knows when to give up. Made at the first busy answer only. */
export class BusyWait {
  readonly count: RetryCount;
  readonly #options: RetryOptions;
  readonly #startedMs: number;

  constructor(options: RetryOptions) {
    this.#options = options;
    this.#startedMs = options.clock.now();
    this.count = options.count ?? { tries: 0, waitedMs: 0, byCode: {} };
  }

  /** Milliseconds to wait before the next try, or `database_locked` once the deadline has passed. */
  next(error: unknown): number {
    const { clock, random, deadlineMs, path } = this.#options;
    const { count } = this;
    count.tries += 1;
    count.waitedMs = clock.now() - this.#startedMs;
    const code = sqliteCode(error) ?? 'SQLITE_BUSY';
    count.byCode[code] = (count.byCode[code] ?? 0) + 1;
    if (count.waitedMs >= deadlineMs) {
      throw new TradedbError('database_locked', `database ${JSON.stringify(path)} is locked by another process`, {
        hint: `gave up after ${count.tries} tries in ${Math.round(count.waitedMs)} ms; raise connection.busyTimeout to wait longer`,
        details: { sqliteCode: code, path, tries: count.tries, waitedMs: count.waitedMs },
        cause: error,
      });
    }
    return Math.min(retryDelayMs(count.tries, random), Math.max(0.05, deadlineMs - count.waitedMs));
  }

  /** Blocks the thread until the next try. */
  pause(error: unknown): void {
    const { clock } = this.#options;
    clock.sleepSync(this.next(error));
    this.count.waitedMs = clock.now() - this.#startedMs;
  }
}

/** True for a busy answer that nobody has waited for yet; false for a wait that ended at its deadline. */
export function isWorthRetrying(error: unknown): boolean {
  return isBusy(error) && !(error instanceof TradedbError && error.details?.tries !== undefined);
}

/** Repeats `work` while SQLite says busy, until `deadlineMs` have passed; then `database_locked`. Blocks the thread. */
export function retryWhileBusy<T>(work: () => T, options: RetryOptions): T {
  let wait: BusyWait | undefined;
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!isWorthRetrying(error)) throw error;
      wait ??= new BusyWait(options);
      wait.pause(error);
    }
  }
}

/** `work` without the stack of its error, which costs more than half of a BEGIN that meets a lock. */
export function withoutStacks<T>(work: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return work();
  } finally {
    Error.stackTraceLimit = limit;
  }
}
