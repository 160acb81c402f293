import type { OperationContext } from '../../context.ts';
import { TradedbError, throwIfCancelled } from '../../error.ts';
import { type Connection, openReadOnly } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import { rowsOfPage, type SalvagedRow } from './page-rows.ts';
import type { Quarantine } from './quarantine.ts';
import type { SalvageSource } from './salvage-source.ts';
import { findSchema } from './schema-source.ts';
import { fits, insertNames, insertValues, shapeOf, type TableShape } from './table-shape.ts';
import { walkTree } from './tree-walk.ts';

/**
 * Keeps rows apart that stand only in a WAL which the result was made without: one left over from before the file was
 * rewritten, or commits behind a broken frame. `source` shows the database with these commits. Nothing proves that they
 * are of the newest state, and nothing that they are not. Only pages that the WAL has are looked at.
 */
export function keepUnprovenRows(
  source: SalvageSource,
  resultPath: string,
  quarantine: Quarantine,
  context: OperationContext,
): void {
  const { frameOf } = source.target.wal;
  const result = openReadOnly(resultPath, context);
  try {
    for (const entry of findSchema(source, undefined).entries) {
      if (entry.type !== 'table' || entry.rootPage === 0 || /^sqlite_/i.test(entry.name)) continue;
      throwIfCancelled(context.signal);
      const shape = hasTable(result, entry.name) ? shapeOf(result, entry.name) : undefined;
      const { pages } = walkTree(source, entry.rootPage, shape?.withoutRowid !== true, new Set());
      for (const page of pages.filter((number) => frameOf.has(number))) {
        for (const row of rowsOfPage(source, page).rows) {
          if (shape !== undefined && isInResult(result, shape, row)) continue;
          quarantine.addUnproven({ ...row, table: entry.name, reason: 'only in the WAL that was left out' });
        }
      }
    }
  } finally {
    result.close();
  }
}

function hasTable(connection: Connection, name: string): boolean {
  const sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name = ?";
  return connection.value(sql, [name]) !== undefined;
}

function isInResult(result: Connection, shape: TableShape, row: SalvagedRow): boolean {
  if (!fits(row.values, shape)) return false;
  const names = insertNames(shape, row.values.length);
  if (names.length === 0) return true;
  // The collation of the column could take one text for another.
  const same = names.map((name) => `${quoteIdentifier(name)} COLLATE BINARY IS ?`).join(' AND ');
  const sql = `SELECT 1 FROM ${quoteIdentifier(shape.name)} WHERE ${same}`;
  try {
    return result.value(sql, insertValues(shape, row.values, row.rowid)) !== undefined;
  } catch (error) {
    // The result may be damaged where this row would be: then the row is not there.
    if (error instanceof TradedbError && error.code === 'database_corrupt') return false;
    throw error;
  }
}
