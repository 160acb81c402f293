import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import { hasTable } from './file-facts.ts';

export type StatisticsState = 'missing' | 'incomplete' | 'stale';

/** What the planner believes about a table, beside what is there. */
export interface TableStatistics {
  readonly table: string;
  /** Rows at the last ANALYZE; null when the table has no statistics. */
  readonly statRows: number | null;
  readonly actualRows: number;
  readonly indexes: number;
  /** Indexes without statistics, though the table has some: they were made after the last ANALYZE. */
  readonly indexesWithout: readonly string[];
  readonly state: StatisticsState | 'current';
  /** Why they should be refreshed; null when they are sound. */
  readonly ageReason: string | null;
}

/** Rows off by more than this factor make the planner choose differently; a round figure, not a measured one. */
const staleFactor = 2;

/** Below this no plan is worth a word. */
const smallTableRows = 100;

/** Tables whose statistics can matter: real tables with at least one index. */
export function statisticsTables(connection: Connection): { table: string; indexes: string[] }[] {
  const rows = connection.all<{ name: string; indexes: string }>(
    // ANALYZE files the primary key of a WITHOUT ROWID table under the name of the table.
    `SELECT t.name AS name, (SELECT json_group_array(iif(t.wr AND i.origin = 'pk', t.name, i.name))
        FROM pragma_index_list(t.name) i) AS indexes
      FROM pragma_table_list t WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
      ORDER BY t.name`,
  );
  return rows
    .map((row) => ({ table: row.name, indexes: JSON.parse(row.indexes) as string[] }))
    .filter((row) => row.indexes.length > 0);
}

/** Rows per index (null for a table without one) from sqlite_stat1. */
export function recordedRows(connection: Connection): Map<string, Map<string | null, number>> {
  const recorded = new Map<string, Map<string | null, number>>();
  if (!hasTable(connection, 'sqlite_stat1')) return recorded;
  for (const row of connection.all<{ tbl: string; idx: string | null; stat: string | null }>(
    'SELECT tbl, idx, stat FROM sqlite_stat1',
  )) {
    // "20000 17 1": rows, then mean rows per distinct prefix; words such as "unordered" may follow.
    const rows = Number.parseInt(String(row.stat ?? ''), 10);
    if (!Number.isFinite(rows)) continue;
    const ofTable = recorded.get(row.tbl) ?? new Map<string | null, number>();
    recorded.set(row.tbl, ofTable.set(row.idx, rows));
  }
  return recorded;
}

export function countRows(connection: Connection, table: string): number {
  return Number(connection.value(`SELECT count(*) FROM ${quoteIdentifier(table)}`) ?? 0);
}

/** Judges the statistics of one table. `recorded` is its part of `recordedRows`. */
export function judgeStatistics(
  table: string,
  indexes: readonly string[],
  recorded: ReadonlyMap<string | null, number>,
  actualRows: number,
): TableStatistics {
  const base = { table, actualRows, indexes: indexes.length };
  const small = actualRows < smallTableRows;
  if (recorded.size === 0) {
    const missing = !small;
    return {
      ...base,
      statRows: null,
      indexesWithout: missing ? [...indexes] : [],
      state: missing ? 'missing' : 'current',
      ageReason: missing
        ? `no statistics for ${figure(actualRows)} rows and ${indexes.length} ${indexes.length === 1 ? 'index' : 'indexes'}`
        : null,
    };
  }
  // A partial index counts its own rows only, so the largest figure is that of the table.
  const statRows = Math.max(...recorded.values());
  // ANALYZE leaves an index out when the table is empty.
  const indexesWithout = small || statRows === 0 ? [] : indexes.filter((index) => !recorded.has(index));
  const low = Math.min(statRows, actualRows);
  const stale = Math.max(statRows, actualRows) >= smallTableRows && Math.max(statRows, actualRows) > low * staleFactor;
  if (stale) {
    const ageReason = `${figure(statRows)} rows at the last ANALYZE, ${figure(actualRows)} now`;
    return { ...base, statRows, indexesWithout, state: 'stale', ageReason };
  }
  const incomplete = indexesWithout.length > 0;
  return {
    ...base,
    statRows,
    indexesWithout,
    state: incomplete ? 'incomplete' : 'current',
    ageReason: incomplete ? `made after the last ANALYZE: ${indexesWithout.join(', ')}` : null,
  };
}

function figure(value: number): string {
  return value.toLocaleString('en-US');
}
