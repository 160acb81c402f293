import { TradedbError } from '../error.ts';
import { BusyWait, isWorthRetrying, type RetryCount, withoutStacks } from './busy-retry.ts';
import type { ConnectionPorts } from './connection-settings.ts';
import { translateError } from './translate-error.ts';

export interface TransactionOptions {
  /** Name in metrics and messages. */
  readonly name?: string;
  /** Longest wait for other processes, in milliseconds; the connection's busy timeout otherwise. */
  readonly deadlineMs?: number;
}

/** What a transaction needs of a connection. */
export interface TransactionTarget {
  readonly path: string;
  readonly ports: ConnectionPorts;
  readonly busyTimeoutMs: number;
  readonly inTransaction: boolean;
  begin(): void;
  commit(): void;
  rollback(): void;
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

/** Throws `async_transaction` for the result of an async function: SQLite would commit before it ends. */
export function refuseAsync(result: unknown): void {
  if (!isThenable(result)) return;
  // Its own failure, after the transaction is gone, would end the process as an unhandled rejection.
  Promise.resolve(result).catch(() => {});
  throw new TradedbError(
    'async_transaction',
    'a transaction function must not be async: SQLite would commit before it ends',
    { hint: 'do the waiting before tx() and only the statements inside' },
  );
}

/**
 * BEGIN IMMEDIATE, the function, COMMIT; the whole function again when another process was in the way. `count`, when
 * given, receives tries and waiting time.
 */
export function runTransaction<T>(
  target: TransactionTarget,
  fn: () => T,
  options: TransactionOptions,
  count?: RetryCount,
): T {
  let wait: BusyWait | undefined;
  for (;;) {
    let result: T;
    try {
      if (wait === undefined) target.begin();
      else withoutStacks(() => target.begin());
      result = fn();
      refuseAsync(result);
    } catch (error) {
      rollBack(target);
      if (!isWorthRetrying(error)) throw translateError(error, target.path);
      wait ??= startWaiting(target, options, count);
      wait.pause(error);
      continue;
    }
    commit(target, () => (wait ??= startWaiting(target, options, count)));
    return result;
  }
}

function startWaiting(target: TransactionTarget, options: TransactionOptions, count?: RetryCount): BusyWait {
  const deadlineMs = options.deadlineMs ?? target.busyTimeoutMs;
  return new BusyWait({ ...target.ports, deadlineMs, path: target.path, ...(count === undefined ? {} : { count }) });
}

/** A COMMIT that meets a lock is repeated alone: the function has run, and its rows are complete. */
function commit(target: TransactionTarget, wait: () => BusyWait): void {
  for (;;) {
    try {
      target.commit();
      return;
    } catch (error) {
      if (!isWorthRetrying(error)) {
        rollBack(target);
        throw translateError(error, target.path);
      }
      try {
        wait().pause(error);
      } catch (gaveUp) {
        rollBack(target);
        throw gaveUp;
      }
    }
  }
}

/** SQLite may have rolled back by itself; a second ROLLBACK would be an error that hides the first one. */
export function rollBack(target: Pick<TransactionTarget, 'inTransaction' | 'rollback'>): void {
  if (target.inTransaction) target.rollback();
}
