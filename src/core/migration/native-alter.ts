import { TradedbError } from '../error.ts';
import type { Connection } from '../sqlite/connection.ts';
import { quoteIdentifier } from '../sqlite/quote-identifier.ts';
import { findColumn, readTableDefinition, sameDefinition, type TableDefinition } from './table-definition.ts';

export type NativeWay =
  | { readonly possible: true; readonly statements: readonly string[] }
  /** Why ALTER TABLE cannot do it, for people. */
  | { readonly possible: false; readonly reason: string };

/**
 * Looks for ALTER TABLE statements that lead from the present table to the wanted one, by running them on a clone of
 * the schema, which is closed then, and comparing the result. Renames of columns are done before and are no part of it.
 */
export function findNativeWay(shadow: Connection, present: TableDefinition, wanted: TableDefinition): NativeWay {
  const statements = candidates(present, wanted);
  try {
    for (const sql of statements) shadow.exec(sql);
    const result = readTableDefinition(tableSql(shadow, present.name) ?? '');
    if (result !== undefined && sameDefinition(result, wanted)) return { possible: true, statements };
    return { possible: false, reason: whatIsLeft(result ?? present, wanted) };
  } catch (error) {
    if (!(error instanceof TradedbError)) throw error;
    return { possible: false, reason: error.message };
  } finally {
    shadow.close();
  }
}

function candidates(present: TableDefinition, wanted: TableDefinition): string[] {
  const table = `ALTER TABLE ${quoteIdentifier(present.name)}`;
  const sql: string[] = [];
  const constraints = (one: TableDefinition) => new Set(one.constraints.map((constraint) => constraint.canonical));
  const kept = constraints(wanted);
  for (const { canonical, name } of present.constraints) {
    if (!kept.has(canonical) && name !== undefined) sql.push(`${table} DROP CONSTRAINT ${quoteIdentifier(name)}`);
  }
  for (const column of present.columns) {
    if (findColumn(wanted, column.name) === undefined) sql.push(`${table} DROP COLUMN ${quoteIdentifier(column.name)}`);
  }
  for (const column of wanted.columns) {
    const old = findColumn(present, column.name);
    if (old === undefined) sql.push(`${table} ADD COLUMN ${column.text}`);
    else if (old.notNull !== column.notNull) {
      sql.push(`${table} ALTER COLUMN ${quoteIdentifier(column.name)} ${column.notNull ? 'SET' : 'DROP'} NOT NULL`);
    }
  }
  const there = constraints(present);
  for (const { canonical, text } of wanted.constraints) if (!there.has(canonical)) sql.push(`${table} ADD ${text}`);
  return sql;
}

/** The first difference that ALTER left. */
function whatIsLeft(result: TableDefinition, wanted: TableDefinition): string {
  if (result.options !== wanted.options)
    return `ALTER TABLE cannot change ${(wanted.options || result.options).toUpperCase()}`;
  const column = wanted.columns.find((one) => findColumn(result, one.name)?.canonical !== one.canonical);
  return column === undefined
    ? 'ALTER TABLE cannot change this constraint'
    : `ALTER TABLE cannot change column ${column.name} this way`;
}

export function tableSql(connection: Connection, table: string): string | undefined {
  const row = connection.get<{ sql: string }>(
    `SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE`,
    [table],
  );
  return row?.sql;
}
