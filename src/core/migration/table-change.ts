import { TradedbError } from '../error.ts';
import { cloneSchema } from '../schema/clone.ts';
import { listTables, sameName } from '../schema/introspect.ts';
import { foldName } from '../schema/normalise.ts';
import type { Connection } from '../sqlite/connection.ts';
import { quoteIdentifier } from '../sqlite/quote-identifier.ts';
import { findNativeWay, tableSql } from './native-alter.ts';
import { rebuildTable } from './rebuild.ts';
import { findColumn, readTableDefinition, sameDefinition, type TableDefinition } from './table-definition.ts';
import type { TableDirective } from './table-directive.ts';

/** How a table was made to look as wanted. */
export type ChangeStrategy = 'none' | 'create' | 'native' | 'rebuild';

export interface TableChangeResult {
  readonly strategy: ChangeStrategy;
  /** Statements that were run, a rebuild as one. */
  readonly runs: readonly string[];
  /** Why ALTER TABLE was not enough; null otherwise. */
  readonly reason: string | null;
  readonly rowsChanged: number;
}

/**
 * Makes a table look like the CREATE TABLE statement: nothing when it does already, ALTER TABLE where SQLite can do
 * it, otherwise a rebuild that keeps rows, rowids, indexes, triggers, counters and statistics. The order of columns is
 * kept as it is, unless the table has to be rebuilt. Runs inside the open transaction, with foreign keys off.
 */
export function changeTable(connection: Connection, sql: string, directive: TableDirective): TableChangeResult {
  const wanted = readTableDefinition(sql);
  if (wanted === undefined)
    throw refuse('migrate:table needs a CREATE TABLE with a list of columns', 'write the columns out');
  const entry = listTables(connection).find((table) => sameName(table.name, wanted.name));
  if (entry === undefined) {
    connection.exec(sql);
    return { strategy: 'create', runs: [sql], reason: null, rowsChanged: 0 };
  }
  if (entry.kind !== 'table')
    throw refuse(
      `${wanted.name} is a ${entry.kind} table or view and cannot be changed this way`,
      'drop it and create it again',
    );
  if (connection.pragmaValue('foreign_keys') === 1) {
    throw refuse(
      `${wanted.name} cannot be changed with foreign keys on: a rebuild would delete rows of its children`,
      'remove foreign-keys=on from the marker',
    );
  }
  const renames = renameColumns(connection, entry.name, directive);
  const present = readTableDefinition(tableSql(connection, entry.name) ?? '');
  if (present === undefined)
    throw refuse(`the definition of ${entry.name} cannot be read`, 'change it with statements of your own');
  const filled = directive.fills.size > 0;
  if (!filled && sameDefinition(present, wanted)) {
    return { strategy: renames.length > 0 ? 'native' : 'none', runs: renames, reason: null, rowsChanged: 0 };
  }
  requireClear(present, wanted);
  requireFillTargets(wanted, directive);
  const way = filled
    ? ({ possible: false, reason: 'rows are filled with an expression' } as const)
    : findNativeWay(cloneSchema(connection, connection.ports).connection, present, wanted);
  const refusal = way.possible ? runNative(connection, way.statements) : way.reason;
  if (refusal === undefined && way.possible) {
    return { strategy: 'native', runs: [...renames, ...way.statements], reason: null, rowsChanged: 0 };
  }
  const rows = rebuildTable(connection, { table: entry.name, wanted, fills: directive.fills });
  return { strategy: 'rebuild', runs: [...renames, sql], reason: refusal ?? null, rowsChanged: rows };
}

/** Some ALTERs work on an empty table alone; gives SQLite's words then, with everything as it was. */
function runNative(connection: Connection, statements: readonly string[]): string | undefined {
  try {
    connection.tx(() => {
      for (const statement of statements) connection.exec(statement);
    });
    return undefined;
  } catch (error) {
    if (error instanceof TradedbError && error.code === 'sql_error') return error.message;
    throw error;
  }
}

/** RENAME COLUMN takes indexes, triggers and views along; a copy could not. */
function renameColumns(connection: Connection, table: string, directive: TableDirective): string[] {
  const definition = readTableDefinition(tableSql(connection, table) ?? '');
  return directive.renames.flatMap(({ from, to }) => {
    // Renamed by an earlier try of the same change.
    if (
      definition !== undefined &&
      findColumn(definition, from) === undefined &&
      findColumn(definition, to) !== undefined
    )
      return [];
    const sql = `ALTER TABLE ${quoteIdentifier(table)} RENAME COLUMN ${quoteIdentifier(from)} TO ${quoteIdentifier(to)}`;
    connection.exec(sql);
    return [sql];
  });
}

/** A column that goes beside one that comes may be a rename, which would keep the values, or not. */
function requireClear(present: TableDefinition, wanted: TableDefinition): void {
  const gone = present.columns.filter((column) => findColumn(wanted, column.name) === undefined);
  const added = wanted.columns.filter((column) => findColumn(present, column.name) === undefined);
  const [from, to] = [gone[0]?.name, added[0]?.name];
  if (from === undefined || to === undefined) return;
  throw refuse(
    `column ${from} of ${present.name} goes and ${to} comes: a rename, or two changes?`,
    `say rename=${from}:${to} to keep the values, or first ALTER TABLE ${quoteIdentifier(present.name)} DROP COLUMN ${quoteIdentifier(from)}`,
  );
}

function requireFillTargets(wanted: TableDefinition, directive: TableDirective): void {
  for (const name of directive.fills.keys()) {
    if (!wanted.columns.some((column) => foldName(column.name) === name)) {
      throw refuse(`fill names the column ${name}, which ${wanted.name} does not have`, 'correct the name');
    }
  }
}

function refuse(message: string, hint: string): TradedbError {
  return new TradedbError('sql_error', message, { hint });
}
