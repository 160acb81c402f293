import type { Connection } from '../../sqlite/connection.ts';
import type { SqlValue } from '../../sqlite/statement.ts';
import { hasTable } from '../settings/file-facts.ts';

/**
 * Gives a database without rows the planner statistics of another one, so that it plans like it. The planner reads them
 * only when they are loaded, which `ANALYZE sqlite_schema` does without looking at a row.
 */
export function copyStatistics(source: Connection, target: Connection, options: { readonly stat4: boolean }): void {
  if (!hasTable(source, 'sqlite_stat1')) return;
  target.exec('ANALYZE');
  copyRows(source, target, 'sqlite_stat1', ['tbl', 'idx', 'stat']);
  if (options.stat4 && hasTable(source, 'sqlite_stat4')) {
    copyRows(source, target, 'sqlite_stat4', ['tbl', 'idx', 'neq', 'nlt', 'ndlt', 'sample']);
  }
  target.exec('ANALYZE sqlite_schema');
}

function copyRows(source: Connection, target: Connection, table: string, columns: readonly string[]): void {
  const rows = source
    .prepare(`SELECT ${columns.join(', ')} FROM ${table}`)
    .asArrays()
    .all<SqlValue[]>();
  const insert = target.prepare(
    `INSERT INTO ${table}(${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
  );
  target.exec(`DELETE FROM ${table}`);
  for (const row of rows) insert.run(row);
}
