import type { Connection } from '../sqlite/connection.ts';
import { foldName } from './normalise.ts';

export type ObjectType = 'table' | 'index' | 'view' | 'trigger';

/** One row of sqlite_schema that a CREATE statement made. */
export interface SchemaObject {
  readonly type: ObjectType;
  readonly name: string;
  /** The table that an index or trigger belongs to; its own name otherwise. */
  readonly table: string;
  /** The CREATE statement as SQLite keeps it. */
  readonly sql: string;
}

export interface ColumnInfo {
  readonly name: string;
  /** As declared; empty without a type. */
  readonly type: string;
  readonly notNull: boolean;
  /** SQL text of the default value. */
  readonly defaultSql: string | null;
  /** Position in the primary key from 1; 0 when it is not in it. */
  readonly keyPosition: number;
  readonly generated: 'no' | 'virtual' | 'stored';
  /** Hidden column of a virtual table. */
  readonly hidden: boolean;
}

export interface ForeignKeyInfo {
  readonly id: number;
  readonly parent: string;
  readonly columns: readonly string[];
  /** Empty names stand for the parent's primary key. */
  readonly parentColumns: readonly (string | null)[];
  readonly onDelete: string;
  readonly onUpdate: string;
}

export type TableKind = 'table' | 'virtual' | 'shadow' | 'view';

export interface TableListEntry {
  readonly name: string;
  readonly kind: TableKind;
  readonly withoutRowid: boolean;
  readonly strict: boolean;
}

/** Objects in the order in which they were made; what SQLite makes by itself (sqlite_*, automatic indexes) is left out. */
export function readObjects(connection: Connection): SchemaObject[] {
  return connection.all<SchemaObject>(
    `SELECT type, name, tbl_name AS "table", sql FROM main.sqlite_schema
     WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid`,
  );
}

/** Tables and views of the main database, those of SQLite itself left out. */
export function listTables(connection: Connection): TableListEntry[] {
  const rows = connection.all<{ name: string; type: TableKind; wr: number; strict: number }>(
    `SELECT name, type, wr, strict FROM pragma_table_list
     WHERE schema = 'main' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name`,
  );
  return rows.map((row) => ({ name: row.name, kind: row.type, withoutRowid: row.wr === 1, strict: row.strict === 1 }));
}

/** Columns, generated and hidden ones included. */
export function readColumns(connection: Connection, table: string): ColumnInfo[] {
  const rows = connection.all<{
    name: string;
    type: string;
    notnull: number;
    dflt_value: string | null;
    pk: number;
    hidden: number;
  }>(`SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?, 'main') ORDER BY cid`, [table]);
  return rows.map((row) => ({
    name: row.name,
    type: row.type,
    notNull: row.notnull === 1,
    defaultSql: row.dflt_value,
    keyPosition: row.pk,
    generated: row.hidden === 2 ? 'virtual' : row.hidden === 3 ? 'stored' : 'no',
    hidden: row.hidden === 1,
  }));
}

export function readForeignKeys(connection: Connection, table: string): ForeignKeyInfo[] {
  const rows = connection.all<{
    id: number;
    table: string;
    from: string;
    to: string | null;
    on_update: string;
    on_delete: string;
  }>(
    `SELECT id, "table", "from", "to", on_update, on_delete FROM pragma_foreign_key_list(?, 'main') ORDER BY id, seq`,
    [table],
  );
  const keys = new Map<number, ForeignKeyInfo & { columns: string[]; parentColumns: (string | null)[] }>();
  for (const row of rows) {
    const key = keys.get(row.id) ?? {
      id: row.id,
      parent: row.table,
      columns: [],
      parentColumns: [],
      onDelete: row.on_delete,
      onUpdate: row.on_update,
    };
    key.columns.push(row.from);
    key.parentColumns.push(row.to);
    keys.set(row.id, key);
  }
  return [...keys.values()];
}

/** Child tables of each parent, by folded name. */
export function readReferences(connection: Connection): { child: string; parent: string }[] {
  return connection.all<{ child: string; parent: string }>(
    `SELECT DISTINCT t.name AS child, f."table" AS parent
     FROM main.sqlite_schema t, pragma_foreign_key_list(t.name, 'main') f WHERE t.type = 'table'`,
  );
}

export function sameName(left: string, right: string): boolean {
  return foldName(left) === foldName(right);
}
