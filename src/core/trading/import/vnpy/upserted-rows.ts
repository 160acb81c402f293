import type { RawValue } from '../raw-value.ts';
import type { RowRange, Slice, SliceLimits, SourceKey, SourceRow } from '../source.ts';
import type { SourceSchema } from '../source-schema.ts';
import { tableRows } from '../table-rows.ts';

/**
 * Rows of a table that vn.py writes by REPLACE, in the order of their ids: a row that is written again gets a new id at
 * the end, so a later run sees it. When rows at the end are deleted, their ids are given anew: a later run that finds
 * another row, or the end, at the id where the last one stopped begins anew. The key is the id and the time of the row.
 */
export function upsertedRows(
  schema: SourceSchema,
  table: 'dbbardata' | 'dbtickdata',
  columns: readonly string[],
): RowRange {
  const rows = tableRows(schema, { table, columns, key: ['id', 'datetime'] });
  let isProven = false;
  return {
    count: () => rows.count(),
    read(after: SourceKey | undefined, limits: SliceLimits, visit: (row: SourceRow) => void): Slice {
      const from = isProven || after === undefined || standsStill(schema, table, after) ? after : undefined;
      isProven = true;
      return rows.read(from, limits, visit);
    },
  };
}

function standsStill({ connection }: SourceSchema, table: string, [id, time]: SourceKey): boolean {
  const there = connection.get<{ time: RawValue }>(`SELECT datetime AS time FROM main.${table} WHERE id = ?`, [
    id ?? 0,
  ]);
  if (there !== undefined) return there.time === time;
  return connection.get(`SELECT 1 FROM main.${table} WHERE id > ?`, [id ?? 0]) !== undefined;
}
