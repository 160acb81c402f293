import { refuseAsync } from './transaction.ts';

/** What a nested transaction needs of a connection. */
export interface SavepointTarget {
  readonly inTransaction: boolean;
  run(sql: string): unknown;
}

/**
 * Runs `fn` between SAVEPOINT and RELEASE inside an open transaction; when it throws, only its own writes are undone.
 * `depth` makes the name, so that the statements of each level stay in the statement cache.
 */
export function runSavepoint<T>(target: SavepointTarget, depth: number, fn: () => T): T {
  const name = `tradedb_${depth}`;
  target.run(`SAVEPOINT ${name}`);
  try {
    const result = fn();
    refuseAsync(result);
    target.run(`RELEASE ${name}`);
    return result;
  } catch (error) {
    // SQLite may have rolled the whole transaction back by itself (disk full, I/O error).
    if (target.inTransaction) {
      target.run(`ROLLBACK TO ${name}`);
      target.run(`RELEASE ${name}`);
    }
    throw error;
  }
}
