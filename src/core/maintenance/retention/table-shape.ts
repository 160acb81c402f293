import { TradedbError } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import { bareSql } from './bare-sql.ts';

export interface ColumnShape {
  readonly name: string;
  /** As declared, for people and for the manifest. */
  readonly type: string;
  /** Computed by SQLite from the others: archived for reading, never written back. */
  readonly generated: boolean;
  readonly notNull: boolean;
  readonly hasDefault: boolean;
}

export interface ForeignKey {
  readonly table: string;
  readonly from: readonly string[];
  readonly to: readonly string[];
}

/** What moving rows of a table needs to know of it. */
export interface TableShape {
  readonly name: string;
  /** Its CREATE TABLE statement. */
  readonly sql: string;
  readonly columns: readonly ColumnShape[];
  /** SQL names (quoted) of what identifies a row: the primary key, or the row id. */
  readonly key: readonly string[];
  /** Positions of the key among the columns; empty when the row id is a column of its own. */
  readonly keyColumns: readonly number[];
  /** Declared primary key, in its order. */
  readonly primaryKey: readonly string[];
  readonly foreignKeys: readonly ForeignKey[];
  readonly deleteTriggers: readonly string[];
  readonly insertTriggers: readonly string[];
}

interface ColumnRow {
  readonly name: string;
  readonly type: string;
  readonly notnull: number;
  readonly dflt_value: string | null;
  readonly pk: number;
  readonly hidden: number;
}

/** The table of that name, whatever its case; throws `usage` when it is none that rows can be moved from. */
export function readTableShape(connection: Connection, wanted: string): TableShape {
  const found = connection.get<{ name: string; sql: string; wr: number }>(
    "SELECT s.name AS name, s.sql AS sql, l.wr AS wr FROM sqlite_schema AS s JOIN pragma_table_list AS l ON l.name = s.name AND l.schema = 'main' WHERE s.type = 'table' AND l.type = 'table' AND lower(s.name) = lower(?) AND s.rootpage > 0 AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    [wanted],
  );
  if (found === undefined) {
    throw new TradedbError('usage', `there is no ordinary table ${JSON.stringify(wanted)}`, {
      hint: 'check maintenance.retention.policies and --table',
    });
  }
  const { name, sql } = found;
  const rows = connection.all<ColumnRow>('SELECT * FROM pragma_table_xinfo(?) ORDER BY cid', [name]);
  const primaryKey = rows
    .filter((row) => row.pk > 0)
    .sort((a, b) => a.pk - b.pk)
    .map((row) => row.name);
  const triggers = connection.all<{ name: string; sql: string }>(
    "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = lower(?)",
    [name],
  );
  const byEvent = (event: 'delete' | 'insert'): string[] =>
    triggers
      .filter((trigger) => [event, undefined].some((one) => one === triggerEvent(trigger.sql)))
      .map((trigger) => trigger.name);
  const key = keyOf(connection, name, rows, primaryKey, found.wr === 1);
  return {
    name,
    sql,
    columns: rows.map((row) => ({
      name: row.name,
      type: row.type,
      generated: row.hidden !== 0,
      notNull: row.notnull !== 0,
      hasDefault: row.dflt_value !== null,
    })),
    key: key.map((part) => (part.column === undefined ? part.name : quoteIdentifier(part.name))),
    keyColumns: key.flatMap((part) => part.column ?? []),
    primaryKey,
    foreignKeys: foreignKeysOf(connection, name),
    deleteTriggers: byEvent('delete'),
    insertTriggers: byEvent('insert'),
  };
}

interface KeyPart {
  readonly name: string;
  readonly column: number | undefined;
}

function keyOf(
  connection: Connection,
  table: string,
  rows: readonly ColumnRow[],
  primaryKey: readonly string[],
  withoutRowId: boolean,
): KeyPart[] {
  // A rowid table whose primary key has no index of its own: the key column is the row id.
  const aliased =
    primaryKey.length === 1 &&
    connection.value("SELECT count(*) FROM pragma_index_list(?) WHERE origin = 'pk'", [table]) === 0;
  if (withoutRowId || aliased) {
    return primaryKey.map((name) => ({ name, column: rows.findIndex((row) => row.name === name) }));
  }
  const taken = rows.map((row) => row.name.toLowerCase());
  const free = ['_rowid_', 'rowid', 'oid'].find((name) => !taken.includes(name));
  if (free !== undefined) return [{ name: free, column: undefined }];
  throw new TradedbError('unsupported', `columns of ${JSON.stringify(table)} hide its row id`, {
    hint: 'such a table needs an INTEGER PRIMARY KEY before its rows can be archived',
  });
}

/** With comments, texts and quoted names out of the way, the first of the three words is the event. */
function triggerEvent(sql: string): string | undefined {
  return /\b(delete|insert|update)\b/i.exec(bareSql(sql))?.[1]?.toLowerCase();
}

export function foreignKeysOf(connection: Connection, table: string): ForeignKey[] {
  const rows = connection.all<{ id: number; table: string; from: string; to: string | null }>(
    'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id, seq',
    [table],
  );
  return [...new Set(rows.map((row) => row.id))].map((id) => {
    const parts = rows.filter((row) => row.id === id);
    const parent = parts[0]?.table ?? '';
    const implied = parts.some((part) => part.to === null)
      ? connection
          .all<{ name: string }>('SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk', [parent])
          .map(({ name }) => name)
      : [];
    return {
      table: parent,
      from: parts.map((part) => part.from),
      to: parts.map((part, index) => part.to ?? implied[index] ?? ''),
    };
  });
}
