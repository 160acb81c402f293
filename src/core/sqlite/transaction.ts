import { TradedbError } from '../error.ts';
import { type RetryCount, retryWhileBusy } from './busy-retry.ts';
import type { Connection } from './connection.ts';
import { isBusy } from './translate-error.ts';

export interface TransactionOptions {
  /** Name in metrics and messages. */
  readonly name?: string;
  /** Longest wait for other processes; the connection's busy timeout otherwise. */
  readonly deadlineMs?: number;
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

/** BEGIN IMMEDIATE, the function, COMMIT; the whole function again when another process was in the way. */
export function runTransaction<T>(connection: Connection, fn: () => T, options: TransactionOptions): T {
  const deadlineMs = options.deadlineMs ?? connection.busyTimeoutMs;
  const count: RetryCount = { tries: 0, waitedMs: 0, byCode: {} };
  const retry = { ...connection.ports, deadlineMs, path: connection.path, count };

  return retryWhileBusy(() => {
    connection.run('BEGIN IMMEDIATE');
    let result: T;
    try {
      result = fn();
      if (isThenable(result)) {
        throw new TradedbError(
          'async_transaction',
          'a transaction function must not be async: SQLite would commit before it ends',
          {
            hint: 'do the waiting before tx() and only the statements inside',
          },
        );
      }
    } catch (error) {
      rollBack(connection);
      throw error;
    }
    commit(connection, retry);
    return result;
  }, retry);
}

/** A COMMIT that meets a lock is repeated alone: running the function again would be wrong after its effects stand. */
function commit(connection: Connection, retry: Parameters<typeof retryWhileBusy>[1]): void {
  try {
    retryWhileBusy(() => connection.run('COMMIT'), { ...retry, count: { tries: 0, waitedMs: 0, byCode: {} } });
  } catch (error) {
    rollBack(connection);
    if (!isBusy(error)) throw error;
    throw new TradedbError(
      'database_locked',
      `COMMIT on ${JSON.stringify(connection.path)} was kept out by another process`,
      {
        hint: 'a long reader blocks the commit of a rollback-journal database; nothing was changed',
        cause: error,
      },
    );
  }
}

function rollBack(connection: Connection): void {
  // SQLite may have rolled back by itself; ROLLBACK would then be an error that hides the first one.
  if (connection.inTransaction) connection.run('ROLLBACK');
}
