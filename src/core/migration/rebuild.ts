import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { TradedbError } from '../error.ts';
import {
  type ColumnInfo,
  listTables,
  readColumns,
  readObjects,
  type SchemaObject,
  sameName,
} from '../schema/introspect.ts';
import { foldName } from '../schema/normalise.ts';
import type { Connection } from '../sqlite/connection.ts';
import { quoteIdentifier } from '../sqlite/quote-identifier.ts';
import type { TableDefinition } from './table-definition.ts';

export interface Rebuild {
  readonly table: string;
  readonly wanted: TableDefinition;
  /** Expressions over the old columns, by folded name of the new column. */
  readonly fills: ReadonlyMap<string, string>;
}

/** What SQLite drops together with the old table. */
interface Belongings {
  readonly objects: readonly SchemaObject[];
  readonly sequence: number | undefined;
  readonly statistics: readonly { readonly idx: string | null; readonly stat: string }[];
}

/**
 * Replaces a table by one of another definition inside the open transaction, with foreign keys off. Rows keep their
 * rowids; indexes, triggers, the AUTOINCREMENT counter and the statistics are put back. Returns the number of rows.
 */
export function rebuildTable(connection: Connection, { table, wanted, fills }: Rebuild): number {
  requireSpace(connection, table);
  const fresh = `_tradedb_new_${table}`;
  const [oldName, newName] = [quoteIdentifier(table), quoteIdentifier(fresh)];
  const belongings = readBelongings(connection, table);
  connection.exec(wanted.rename(newName));
  const copy = copyColumns(connection, { from: table, to: fresh, fills });
  connection.exec(`INSERT INTO ${newName}(${copy.into.join(', ')}) SELECT ${copy.select.join(', ')} FROM ${oldName}`);
  const [before, after] = [oldName, newName].map((name) => Number(connection.value(`SELECT count(*) FROM ${name}`)));
  if (before !== after)
    throw new TradedbError('migration_failed', `the rebuild of ${table} copied ${after} of ${before} rows`);
  connection.exec(`DROP TABLE ${oldName}`);
  // References of views, triggers and foreign keys stay at the name, which is the new table's from now on.
  connection.exec('PRAGMA legacy_alter_table = ON');
  try {
    connection.exec(`ALTER TABLE ${newName} RENAME TO ${oldName}`);
  } finally {
    connection.exec('PRAGMA legacy_alter_table = OFF');
  }
  putBack(connection, table, belongings);
  return Number(before);
}

/** The copy stands beside the original, and both are in the log once more. */
export function requireSpace(connection: Connection, table: string): void {
  if (connection.path === ':memory:') return;
  const bytes = Number(
    connection.value(
      `SELECT sum(pgsize) FROM dbstat WHERE aggregate = 1 AND name IN (SELECT name FROM main.sqlite_schema WHERE tbl_name = ? COLLATE NOCASE)`,
      [table],
    ) ?? 0,
  );
  const stats = statfsSync(dirname(connection.path));
  const free = stats.bavail * stats.bsize;
  if (free >= 2 * bytes) return;
  throw new TradedbError('disk_full', `the rebuild of ${table} needs ${2 * bytes} bytes, and ${free} are free`, {
    hint: 'free some space on the file system of the database',
  });
}

function readBelongings(connection: Connection, table: string): Belongings {
  const objects = readObjects(connection).filter(
    (object) => object.type !== 'table' && object.type !== 'view' && sameName(object.table, table),
  );
  const has = (name: string): boolean =>
    connection.get('SELECT 1 FROM main.sqlite_schema WHERE name = ?', [name]) !== undefined;
  const sequence = has('sqlite_sequence')
    ? connection.get<{ seq: number }>('SELECT seq FROM main.sqlite_sequence WHERE name = ? COLLATE NOCASE', [table])
        ?.seq
    : undefined;
  const statistics = has('sqlite_stat1')
    ? connection.all<{ idx: string | null; stat: string }>(
        'SELECT idx, stat FROM main.sqlite_stat1 WHERE tbl = ? COLLATE NOCASE',
        [table],
      )
    : [];
  return { objects, sequence, statistics };
}

/** Where the values of each new column come from. Generated columns are computed again. */
export function copyColumns(
  connection: Connection,
  { from, to, fills }: { from: string; to: string; fills: ReadonlyMap<string, string> },
): { into: string[]; select: string[] } {
  const old = new Map(readColumns(connection, from).map((column) => [foldName(column.name), column]));
  const wanted = readColumns(connection, to).filter((column) => column.generated === 'no');
  const into: string[] = [];
  const select: string[] = [];
  for (const column of wanted) {
    const fill = fills.get(foldName(column.name));
    if (fill === undefined && !old.has(foldName(column.name))) continue;
    into.push(quoteIdentifier(column.name));
    select.push(fill === undefined ? quoteIdentifier(column.name) : `(${fill})`);
  }
  const rowid = rowidName(connection, from, to, [...old.values(), ...wanted]);
  if (rowid !== undefined) {
    into.unshift(rowid);
    select.unshift(rowid);
  }
  return { into, select };
}

/** The name under which both tables show their rowid, when it has no column of its own. */
function rowidName(
  connection: Connection,
  from: string,
  to: string,
  columns: readonly ColumnInfo[],
): string | undefined {
  const kinds = listTables(connection).filter((table) => sameName(table.name, from) || sameName(table.name, to));
  if (kinds.some((table) => table.withoutRowid)) return undefined;
  const keys = readColumns(connection, to).filter((column) => column.keyPosition > 0);
  if (keys.length === 1 && keys[0]?.type.toUpperCase() === 'INTEGER') return undefined;
  const taken = new Set(columns.map((column) => foldName(column.name)));
  return ['rowid', '_rowid_', 'oid'].find((name) => !taken.has(name));
}

function putBack(connection: Connection, table: string, belongings: Belongings): void {
  for (const type of ['index', 'trigger'] as const) {
    for (const object of belongings.objects) {
      if (object.type !== type) continue;
      try {
        connection.exec(object.sql);
      } catch (error) {
        if (!(error instanceof TradedbError) || error.code !== 'sql_error') throw error;
        throw new TradedbError('sql_error', `${type} ${object.name} does not fit the new ${table}: ${error.message}`, {
          hint: `drop it by name before the change: DROP ${type.toUpperCase()} ${quoteIdentifier(object.name)};`,
          cause: error,
        });
      }
    }
  }
  if (
    belongings.sequence !== undefined &&
    /\bautoincrement\b/i.test(
      String(
        connection.value(`SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE`, [
          table,
        ]),
      ),
    )
  ) {
    const copied =
      connection.get<{ seq: number }>('SELECT seq FROM main.sqlite_sequence WHERE name = ? COLLATE NOCASE', [table])
        ?.seq ?? 0;
    connection.run('DELETE FROM main.sqlite_sequence WHERE name = ? COLLATE NOCASE', [table]);
    connection.run('INSERT INTO main.sqlite_sequence(name, seq) VALUES(?, ?)', [
      table,
      Math.max(copied, belongings.sequence),
    ]);
  }
  const indexes = new Set(
    readObjects(connection)
      .filter((object) => object.type === 'index')
      .map((object) => foldName(object.name)),
  );
  for (const { idx, stat } of belongings.statistics) {
    if (idx !== null && !indexes.has(foldName(idx)) && !sameName(idx, table)) continue;
    connection.run('INSERT INTO main.sqlite_stat1(tbl, idx, stat) VALUES(?, ?, ?)', [table, idx, stat]);
  }
}
