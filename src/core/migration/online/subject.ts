import { type ColumnInfo, listTables, readColumns, sameName, type TableListEntry } from '../../schema/introspect.ts';
import { foldName } from '../../schema/normalise.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import { copyColumns } from '../rebuild.ts';
import { refuse } from './refuse.ts';

/** Names of what an online change adds to the database for its time. */
export interface OnlineNames {
  /** The copy in its new form; behind the swap it holds the old rows. */
  readonly shadow: string;
  /** Keys of the rows that were changed meanwhile. */
  readonly log: string;
  trigger(event: string): string;
  index(position: number): string;
}

export function onlineNames(table: string): OnlineNames {
  return {
    shadow: `_tradedb_online_${table}`,
    log: `_tradedb_log_${table}`,
    trigger: (event) => `_tradedb_${event}_${table}`,
    index: (position) => `_tradedb_index${position}_${table}`,
  };
}

/** A table and its copy: how rows are found in both, and where the values of the copy come from. */
export interface Subject {
  readonly table: string;
  readonly names: OnlineNames;
  /** Columns of the key as SQL; the same in both tables. */
  readonly key: readonly string[];
  /** Columns of the copy that get a value, and the expressions over the table that give it. */
  readonly into: readonly string[];
  readonly select: readonly string[];
}

export function readSubject(connection: Connection, table: string, fills: ReadonlyMap<string, string>): Subject {
  const names = onlineNames(table);
  const { into, select } = copyColumns(connection, { from: table, to: names.shadow, fills });
  return { table, names, key: findKey(connection, { table, shadow: names.shadow, fills }), into, select };
}

/** A key along which the rows of one table can be removed. */
export function workingKey(connection: Connection, table: string): string[] {
  const entry = listTables(connection).find((one) => one.name === table);
  const columns = readColumns(connection, table);
  if (entry?.withoutRowid === true) return keyColumns(columns).map((column) => quoteIdentifier(column.name));
  const taken = new Set(columns.map((column) => foldName(column.name)));
  return [['rowid', '_rowid_', 'oid'].find((name) => !taken.has(name)) ?? 'rowid'];
}

interface Pair {
  readonly table: string;
  readonly shadow: string;
  readonly fills: ReadonlyMap<string, string>;
}

function findKey(connection: Connection, { table, shadow, fills }: Pair): string[] {
  const [from, to] = [describe(connection, table), describe(connection, shadow)];
  if (!from.entry.withoutRowid && !to.entry.withoutRowid) {
    const [old, fresh] = [integerKey(from.columns), integerKey(to.columns)];
    const kept = fresh === undefined || (old !== undefined && old === fresh && !fills.has(fresh));
    const taken = new Set([...from.columns, ...to.columns].map((column) => foldName(column.name)));
    const name = ['rowid', '_rowid_', 'oid'].find((one) => !taken.has(one));
    if (kept && name !== undefined) return [name];
    throw refuse(`rows of ${table} cannot be told apart while it is copied: their rowids change`);
  }
  const [old, fresh] = [from, to].map(({ columns }) => keyColumns(columns).map((column) => foldName(column.name)));
  if (old === undefined || fresh === undefined || old.length === 0) throw refuse(`${table} has no primary key`);
  if ([...old].sort().join('\0') !== [...fresh].sort().join('\0') || old.some((name) => fills.has(name))) {
    throw refuse(`rows of ${table} cannot be told apart while it is copied: the primary key changes`);
  }
  if (isDescending(connection, table)) throw refuse(`the primary key of ${table} is in descending order`);
  return keyColumns(from.columns).map((column) => quoteIdentifier(column.name));
}

function describe(connection: Connection, name: string): { entry: TableListEntry; columns: ColumnInfo[] } {
  const entry = listTables(connection).find((one) => sameName(one.name, name));
  if (entry === undefined) throw refuse(`table ${name} is gone`);
  return { entry, columns: readColumns(connection, name) };
}

const keyColumns = (columns: readonly ColumnInfo[]): ColumnInfo[] =>
  columns.filter((column) => column.keyPosition > 0).sort((left, right) => left.keyPosition - right.keyPosition);

/** The folded name of the column that is the rowid. */
function integerKey(columns: readonly ColumnInfo[]): string | undefined {
  const keys = keyColumns(columns);
  const [only] = keys;
  return only !== undefined && keys.length === 1 && only.type.toUpperCase() === 'INTEGER'
    ? foldName(only.name)
    : undefined;
}

function isDescending(connection: Connection, table: string): boolean {
  return (
    connection.get(
      `SELECT 1 FROM pragma_index_list(?, 'main') l, pragma_index_xinfo(l.name, 'main') x
       WHERE l.origin = 'pk' AND x.key = 1 AND x."desc" = 1`,
      [table],
    ) !== undefined
  );
}
