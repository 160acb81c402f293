import type { Connection } from '../../sqlite/connection.ts';
import type { SqlValue } from '../../sqlite/statement.ts';
import { hasTable } from '../settings/file-facts.ts';

/** What the planner knows about one index. */
export interface IndexStatistics {
  readonly table: string;
  readonly stat1: string | null;
  readonly stat4: readonly { neq: string; nlt: string; ndlt: string; sample: SqlValue }[];
}

export function readIndexStatistics(connection: Connection, table: string, index: string): IndexStatistics {
  const stat1 = hasTable(connection, 'sqlite_stat1')
    ? connection.value('SELECT stat FROM sqlite_stat1 WHERE tbl = ? AND idx = ?', [table, index])
    : undefined;
  const stat4 = hasTable(connection, 'sqlite_stat4')
    ? connection.all<IndexStatistics['stat4'][number]>(
        'SELECT neq, nlt, ndlt, sample FROM sqlite_stat4 WHERE tbl = ? AND idx = ?',
        [table, index],
      )
    : [];
  return { table, stat1: typeof stat1 === 'string' ? stat1 : null, stat4 };
}

/** Writes the rows; the planner sees them after `ANALYZE sqlite_schema`. */
export function writeIndexStatistics(connection: Connection, index: string, statistics: IndexStatistics): void {
  if (statistics.stat1 === null) return;
  connection.run('INSERT INTO sqlite_stat1 VALUES (?, ?, ?)', [statistics.table, index, statistics.stat1]);
  if (!hasTable(connection, 'sqlite_stat4')) return;
  for (const row of statistics.stat4) {
    connection.run('INSERT INTO sqlite_stat4 VALUES (?, ?, ?, ?, ?, ?)', [
      statistics.table,
      index,
      row.neq,
      row.nlt,
      row.ndlt,
      row.sample,
    ]);
  }
}
