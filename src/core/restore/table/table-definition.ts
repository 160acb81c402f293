import { type ColumnInfo, listTables, readColumns, readObjects, sameName } from '../../schema/introspect.ts';
import { isKeyword, isTrivia, tokenize } from '../../schema/sql-lexer.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';

/** An ordinary table as its copy has to know it. */
export interface TableDefinition {
  readonly name: string;
  readonly withoutRowid: boolean;
  readonly strict: boolean;
  readonly autoincrement: boolean;
  readonly columns: readonly ColumnInfo[];
  readonly sql: string;
}

/** `shadow` and `virtual` tables cannot be copied row by row. */
export type FoundTable = { readonly kind: 'table'; readonly table: TableDefinition } | { readonly kind: string };

/** Undefined when there is no such table; names are compared as SQLite compares them. */
export function findTable(connection: Connection, name: string): FoundTable | undefined {
  const entry = listTables(connection).find((one) => sameName(one.name, name));
  if (entry === undefined) return undefined;
  if (entry.kind !== 'table') return { kind: entry.kind };
  const sql = readObjects(connection).find((one) => one.type === 'table' && sameName(one.name, name))?.sql ?? '';
  return {
    kind: 'table',
    table: {
      name: entry.name,
      withoutRowid: entry.withoutRowid,
      strict: entry.strict,
      autoincrement: tokenize(sql).some((token) => isKeyword(token, 'AUTOINCREMENT')),
      columns: readColumns(connection, entry.name),
      sql,
    },
  };
}

/** What keeps the rows of one definition out of the other, a sentence each. Order of columns and defaults do not. */
export function differences(backup: TableDefinition, live: TableDefinition): string[] {
  const found: string[] = [];
  for (const column of backup.columns) {
    const other = live.columns.find((one) => sameName(one.name, column.name));
    if (other === undefined) found.push(`column ${column.name} is only in the backup`);
    else found.push(...columnDifferences(column, other));
  }
  for (const column of live.columns) {
    if (!backup.columns.some((one) => sameName(one.name, column.name)))
      found.push(`column ${column.name} is not in the backup`);
  }
  if (backup.withoutRowid !== live.withoutRowid) found.push('only one of them is WITHOUT ROWID');
  return found;
}

function columnDifferences(backup: ColumnInfo, live: ColumnInfo): string[] {
  const found: string[] = [];
  const differs = (what: string, before: unknown, now: unknown): void => {
    if (before !== now) found.push(`${what} of column ${backup.name} was ${before || 'none'} and is ${now || 'none'}`);
  };
  differs('the type', backup.type.toUpperCase(), live.type.toUpperCase());
  differs('NOT NULL', backup.notNull, live.notNull);
  differs('the place in the primary key', backup.keyPosition, live.keyPosition);
  differs('generation', backup.generated, live.generated);
  return found;
}

/** A CREATE statement for the same table under another name. */
export function renamed(sql: string, name: string): string {
  const tokens = tokenize(sql);
  const words = tokens.filter((token) => !isTrivia(token));
  // SQLite keeps every definition as CREATE TABLE and the name.
  const old = words[2];
  if (old === undefined) throw new Error(`no name in ${JSON.stringify(sql)}`);
  return `${sql.slice(0, old.start)}${quoteIdentifier(name)}${sql.slice(old.end)}`;
}

/** How the rows of a table are told from each other: the columns of its key, or a name of its rowid. */
export interface RowKey {
  readonly columns: readonly string[];
  /** A name under which the rowid can be read and written; undefined when there is none. */
  readonly rowid: string | undefined;
}

/** Undefined when the table has no key and every name of its rowid is that of a column. */
export function rowKeyOf(table: TableDefinition): RowKey | undefined {
  const key = table.columns.filter((column) => column.keyPosition > 0).sort((a, b) => a.keyPosition - b.keyPosition);
  const taken = (name: string): boolean => table.columns.some((column) => sameName(column.name, name));
  const isRowid = key.length === 1 && key[0]?.type.toUpperCase() === 'INTEGER';
  const rowid = table.withoutRowid || isRowid ? undefined : ['rowid', '_rowid_', 'oid'].find((name) => !taken(name));
  if (key.length > 0) return { columns: key.map((column) => column.name), rowid };
  return rowid === undefined ? undefined : { columns: [rowid], rowid };
}
